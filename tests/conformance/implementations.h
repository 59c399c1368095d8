// The implementations that every behaviour is run against.
#pragma once

#include "tests/conformance/fake_service.h"
#include "tests/conformance/sandbox_service.h"

#include <doctest/doctest.h>

// For the names of the test cases; doctest wants them in the global namespace.
TYPE_TO_STRING_AS("FakeKdocs", kdq::test::FakeService);
TYPE_TO_STRING_AS("CurlTransport and sandbox", kdq::test::SandboxService);

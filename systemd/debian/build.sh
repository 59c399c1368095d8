#!/bin/bash
# usage: bash systemd/debian/build.sh [FOLDER]
# Builds the Debian package from the tracked files as they are now, into FOLDER (default: build/deb):
# kdocs-queued_<version>_<architecture>.deb. Its version is that of the project in CMakeLists.txt.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
target=$(realpath -m "${1:-$root/build/deb}")
cd "$root"

bash tests/setup.sh debhelper dpkg-dev po-debconf scdoc
version=$(sed -n 's/^project(kdocs-queued VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
[ -n "$version" ] || { echo "CMakeLists.txt names no version" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/kdocs-queued-$version
mkdir "$tree"
git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$tree"
cp -r "$tree/systemd/debian" "$tree/debian"

# The history is the repository's; the package's changelog says which version it was built from.
maintainer=$(sed -n 's/^Maintainer: //p' "$tree/debian/control")
cat > "$tree/debian/changelog" << END
kdocs-queued ($version) bookworm; urgency=medium

  * Version $version, built from commit $(git rev-parse --short=12 HEAD).

 -- $maintainer  $(git log -1 --format=%cD)
END

# debhelper gives programs another home, and the sources are in another folder each time.
if command -v ccache > /dev/null; then
  export CCACHE_DIR CCACHE_BASEDIR=$tree
  CCACHE_DIR=$(ccache --get-config cache_dir)
fi
export DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS:-}"
(cd "$tree" && dpkg-buildpackage -b -us -uc > "$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }
mkdir -p "$target"
mv "$work"/*.deb "$target/"
ls "$target/"kdocs-queued_"$version"_*.deb

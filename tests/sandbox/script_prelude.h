// The script-side half of the API's objects, in JavaScript.
#pragma once

namespace kdq::sandbox {

/// An expression: a function that takes the natives and argv, defines the globals and returns the
/// function that turns a script's last value into JSON text.
inline constexpr const char* script_prelude = R"JS(
(function (native, argv) {
  'use strict';
  var stringify = JSON.stringify, parse = JSON.parse, hasOwn = Object.prototype.hasOwnProperty;

  function json(value) {
    try { return stringify(value); } catch (cyclic) { return stringify(String(value)); }
  }
  function argument(value) {
    var text = json(value);
    return text === undefined ? stringify(String(value)) : text;
  }
  function logger(level) {
    return function () {
      var parts = '';
      for (var i = 0; i < arguments.length; i++) parts += (i ? ',' : '') + argument(arguments[i]);
      native.log(level, '[' + parts + ']');
    };
  }
  function define(name, value) {
    Object.defineProperty(native.global, name, { value: value, writable: true, configurable: true });
  }

  define('console', { log: logger('info'), info: logger('info'), warn: logger('warn'),
                      error: logger('error') });

  define('Time', { sleep: function (ms) {
    if (typeof ms !== 'number' || !(ms >= 0)) throw new TypeError('Time.sleep: not a time in ms');
    native.sleep(ms);
  } });

  define('Arguments', { get: function (name) {
    return hasOwn.call(argv, name) ? argv[name] : undefined;
  } });

  function range(address) {
    address = String(address);
    function read() { return parse(native.read(address)); }
    function write(value) {
      var text = json(value);
      native.write(address, text === undefined ? 'null' : text);
    }
    function text() {
      var value = read();
      return value === null ? '' : String(value);
    }
    return Object.defineProperties({}, {
      Text: { get: text, set: write, enumerable: true },
      Value: { get: read, set: write, enumerable: true },
      Value2: { get: read, set: write, enumerable: true }
    });
  }
  define('Application', { Range: range, ActiveSheet: { Range: range } });
  define('ActiveSheet', native.global.Application.ActiveSheet);
  define('Range', range);

  return function (value) {
    var text = json(value);
    return text === undefined ? '"[Undefined]"' : text;
  };
})
)JS";

} // namespace kdq::sandbox

// The kvsctl emulator of Forge key-value stores, for the tests of Node apps.
'use strict';

const { Connection } = require('./connection');
const { Emulator, startEmulator } = require('./emulator');
const { EmulatorError } = require('./errors');

/**
 * @param {string} url
 * @param {import('../index').ConnectOptions} [options]
 */
function connectEmulator(url, options) {
  return new Connection(url, options);
}

exports.Connection = Connection;
exports.Emulator = Emulator;
exports.EmulatorError = EmulatorError;
exports.connectEmulator = connectEmulator;
exports.startEmulator = startEmulator;

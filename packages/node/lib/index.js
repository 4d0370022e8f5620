// The kvsctl emulator of Forge key-value stores, for the tests of Node apps.
'use strict';

const { Connection, connectEmulator } = require('./connection');
const { Emulator, startEmulator } = require('./emulator');
const { EmulatorError } = require('./errors');

exports.Connection = Connection;
exports.Emulator = Emulator;
exports.EmulatorError = EmulatorError;
exports.connectEmulator = connectEmulator;
exports.startEmulator = startEmulator;

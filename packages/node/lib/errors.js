// The one error class, so that callers can tell the emulator's failures by their code.
'use strict';

class EmulatorError extends Error {
  /**
   * @param {import('../index').EmulatorErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'EmulatorError';
    this.code = code;
  }
}

module.exports = { EmulatorError };

// The only error class, so that callers can distinguish the emulator's failures by their code.
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

/**
 * Throw an EmulatorError if an option is not one of `known`: a misspelt one would be ignored.
 *
 * @param {string} name of the function that takes the options
 * @param {object} options
 * @param {string[]} known
 */
function requireKnown(name, options, known) {
  const unknown = Object.keys(options).find((one) => !known.includes(one));
  if (unknown === undefined) return;
  const message = `${name} has no option "${unknown}"; its options: ${known.join(', ')}`;
  throw new EmulatorError('INVALID_OPTION', message);
}

module.exports = { EmulatorError, requireKnown };

// Requests to the emulator, all to its own origin.

import { askToken } from "./token.js";

const BASE = "/_emulator/page/api/";
let token = null;

// A refused request, with the `code` and `message` of the emulator.
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// Send a request and return the parsed response.
export async function ask(name, body) {
  return (await send(name, body)).json();
}

// Return the response to a request. Throw Refused if it is refused or gets no response.
export async function send(name, body) {
  for (;;) {
    const response = await fetched(name, body);
    if (response.ok) return response;
    const { code, message } = await refusal(response);
    if (response.status === 401) {
      const given = await askToken(token !== null);
      if (given !== null) {
        token = given;
        continue;
      }
    }
    throw new Refused(code, message);
  }
}

async function fetched(name, body) {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const options = { headers, mode: "same-origin", credentials: "omit", redirect: "error" };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    headers["content-type"] = "application/json";
  }
  try {
    return await fetch(BASE + name, options);
  } catch {
    throw new Refused("NO_RESPONSE", "The emulator does not answer: is it still running?");
  }
}

async function refusal(response) {
  try {
    return await response.json();
  } catch {
    return { code: `HTTP ${response.status}`, message: "The emulator refused the request" };
  }
}

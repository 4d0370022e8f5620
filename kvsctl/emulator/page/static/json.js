// An exact reader of JSON: every value keeps its own text, so `1.0` stays `1.0`, and an integer of
// twenty digits keeps all of them. A repeated member is kept each time.

const TOKEN = /[\t\n\r ]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))/y;
const SPACE = /[\t\n\r ]*$/y;

// Return the value of a text as `{kind, text}`, or `{kind, members: [{name, value}]}` for an object
// or array; `name` is the text of a string, or an index. Throw SyntaxError if it is not JSON.
export function read(text) {
  const tokens = new Tokens(text);
  const open = [];
  for (;;) {
    let value = tokens.value();
    if (value.members && !tokens.closes(value)) {
      open.push(value);
      startMember(tokens, value);
      continue;
    }
    while (open.length) {
      const parent = open.at(-1);
      parent.members.at(-1).value = value;
      if (tokens.continues(parent)) {
        startMember(tokens, parent);
        break;
      }
      value = open.pop();
    }
    if (!open.length) return tokens.end(value);
  }
}

function startMember(tokens, parent) {
  const name = parent.kind === "object" ? tokens.name() : parent.members.length;
  parent.members.push({ name, value: null });
}

class Tokens {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
  }

  #next() {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (!found) throw new SyntaxError(`not JSON at character ${this.#at}`);
    this.#at = TOKEN.lastIndex;
    const [, mark, string, number, literal] = found;
    return { mark, string, number, literal };
  }

  #isNext(mark) {
    const before = this.#at;
    TOKEN.lastIndex = before;
    const found = TOKEN.exec(this.#text);
    if (found?.[1] !== mark) return false;
    this.#at = TOKEN.lastIndex;
    return true;
  }

  #expect(mark) {
    if (!this.#isNext(mark)) throw new SyntaxError(`no ${mark} at character ${this.#at}`);
  }

  value() {
    const { mark, string, number, literal } = this.#next();
    if (mark === "{") return { kind: "object", members: [] };
    if (mark === "[") return { kind: "array", members: [] };
    if (string !== undefined) return { kind: "string", text: string };
    if (number !== undefined) return { kind: "number", text: number };
    if (literal !== undefined) return { kind: "literal", text: literal };
    throw new SyntaxError(`no value at character ${this.#at}`);
  }

  name() {
    const { string } = this.#next();
    if (string === undefined) throw new SyntaxError(`no name at character ${this.#at}`);
    this.#expect(":");
    return string;
  }

  // Whether an object or array that has just begun is empty.
  closes(value) {
    return this.#isNext(value.kind === "object" ? "}" : "]");
  }

  // Whether another member follows; if not, read the end of the object or array.
  continues(value) {
    if (this.#isNext(",")) return true;
    this.#expect(value.kind === "object" ? "}" : "]");
    return false;
  }

  end(value) {
    SPACE.lastIndex = this.#at;
    if (!SPACE.test(this.#text)) throw new SyntaxError(`more text at character ${this.#at}`);
    return value;
  }
}

/**
 * JSON put together as bytes, of which most are ASCII: the long text of a list is made of tens of thousands of short ones, and each of them would be an
 * object that V8 has to make, to join and to collect.
 */

/** Where all that is written at once is put together: nothing waits while it writes. What an unusually long text needed is let go again. */
const ROOM = 65_536;
const MAX_ROOM_KEPT = 1_048_576;
let room = Buffer.allocUnsafe(ROOM);

/** What `write` writes, at once. */
export const writtenJson = (write: (json: JsonWriter) => void): string => {
  const json = new Writer();
  try {
    write(json);
    return json.read();
  } finally {
    if (room.length > MAX_ROOM_KEPT) room = Buffer.allocUnsafe(ROOM);
  }
};

export interface JsonWriter {
  /** A text of JSON as it is. */
  write(text: string): void;
  /** A string, as JSON.stringify has it. */
  writeString(text: string): void;
}

class Writer implements JsonWriter {
  private length = 0;

  write(text: string): void {
    const { length } = text;
    // A character takes three bytes at most: those of four are two characters.
    if (this.length + 3 * length > room.length) this.grow(3 * length);
    const at = this.length;
    for (let n = 0; n < length; n += 1) {
      const code = text.charCodeAt(n);
      if (code > LAST_ASCII) {
        this.length = at + room.write(text, at);
        return;
      }
      room[at + n] = code;
    }
    this.length = at + length;
  }

  writeString(text: string): void {
    const { length } = text;
    if (this.length + 3 * length + 2 > room.length) this.grow(3 * length + 2);
    const at = this.length;
    room[at] = QUOTE;
    for (let n = 0; n < length; n += 1) {
      const code = text.charCodeAt(n);
      if (code > LAST_ASCII || code < SPACE || code === QUOTE || code === BACKSLASH) {
        this.write(JSON.stringify(text));
        return;
      }
      room[at + 1 + n] = code;
    }
    room[at + 1 + length] = QUOTE;
    this.length = at + length + 2;
  }

  read(): string {
    return room.toString('utf8', 0, this.length);
  }

  private grow(by: number): void {
    const larger = Buffer.allocUnsafe(2 * (this.length + by));
    room.copy(larger, 0, 0, this.length);
    room = larger;
  }
}

const LAST_ASCII = 0x7e;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

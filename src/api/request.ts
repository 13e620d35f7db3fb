/** Requests, of which those for a WebSocket are handed over with their connection, and all others are answered. */
import { IncomingMessage } from 'node:http';

/**
 * Node hands every request with an Upgrade over as soon as somebody listens for one, before its body is read. But to ask for another protocol is an offer
 * that a server may pass over (RFC 9110, 7.8): Java's HttpClient and `curl --http2` make it with whatever they send to http://, for HTTP/2.
 * Node reads `upgrade` when it knows the headers.
 */
export class ApiRequest extends IncomingMessage {
  /** Set while the class below is made, so it is given no value here. */
  declare private asksForUpgrade: boolean;

  get upgrade(): boolean {
    return this.asksForUpgrade && (this.method === 'CONNECT' || this.headers.upgrade?.toLowerCase() === 'websocket');
  }

  /**
   * It offers another protocol, and is answered by this one. Node's parser takes it for the last of its connection: it drops what came with it, and reads what
   * comes later as a new request, be it the rest of one. So the connection must end with its answer.
   */
  get isDeclined(): boolean {
    return this.asksForUpgrade && !this.upgrade;
  }

  set upgrade(asks: boolean | null) {
    this.asksForUpgrade = asks === true;
  }
}

/** GET /api/events over fetch: unlike EventSource it shows the status, can send Last-Event-ID on a connection of its
 * own, and leaves the pauses to us. Falls back to polling, and says how fresh the page is. */
import { createParser } from 'eventsource-parser'

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline'

/** How the page stands: `at` is when it last heard of the server (milliseconds since 1970). */
export type Freshness = { connection: Connection; at: number }

export type StreamOptions = {
  /** An event of the stream; `data` is its JSON. */
  onEvent: (type: string, data: unknown) => void
  onFreshness: (freshness: Freshness) => void
  /** Nobody is signed in any more. */
  onSignedOut: () => void
  /** Fetch what the stream would have told; throws when the server does not answer. */
  poll: () => Promise<void>
}

/** Milliseconds. The server's heartbeat comes every 5 s, so 15 s of silence is a dead connection. */
export const SILENCE = 15_000
export const POLL_EVERY = 750
export const HIDDEN_FOR = 60_000
const LONGEST_PAUSE = 30_000

export class LiveStream {
  readonly #options: StreamOptions
  #freshness: Freshness = { connection: 'connecting', at: 0 }
  #lastId: string | null = null
  #failures = 0
  /** The connection that stands or is being made; null between two of them. */
  #abort: AbortController | null = null
  #silence: Timer | undefined
  #pause: Timer | undefined
  /** The run of polls that goes on, so that one that was ended can't go on beside its successor. */
  #polling: object | null = null
  #nextPoll: Timer | undefined
  #hidden: Timer | undefined
  #isStopped = true
  /** A browser opens six connections to a server for all of its tabs: a hidden one gives its own up to one in use. */
  #tabs: BroadcastChannel | null = null

  constructor(options: StreamOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStopped = false
    document.addEventListener('visibilitychange', this.#onVisibility)
    addEventListener('online', this.#onOnline)
    this.#tabs = new BroadcastChannel('weighbridge-stream')
    this.#tabs.addEventListener('message', () => document.hidden && this.#disconnect())
    // What an earlier stream said last (of the session before) is not true of this one.
    this.#say('connecting', 0)
    void this.#connect()
    this.#onVisibility()
  }

  stop(): void {
    this.#isStopped = true
    document.removeEventListener('visibilitychange', this.#onVisibility)
    removeEventListener('online', this.#onOnline)
    this.#tabs?.close()
    this.#tabs = null
    this.#disconnect()
    clearTimeout(this.#hidden)
  }

  #onOnline = (): void => {
    if (!document.hidden && this.#freshness.connection !== 'live') this.#connectNow()
  }

  #onVisibility = (): void => {
    clearTimeout(this.#hidden)
    if (document.hidden) {
      // Nobody looks: a stream costs the server a thread.
      this.#hidden = setTimeout(() => this.#disconnect(), HIDDEN_FOR)
    } else if (!this.#abort) {
      this.#connectNow()
    }
  }

  #connectNow(): void {
    if (this.#isStopped) return
    this.#disconnect()
    void this.#connect()
  }

  #disconnect(): void {
    this.#abort?.abort()
    this.#abort = null
    clearTimeout(this.#silence)
    clearTimeout(this.#pause)
    this.#stopPolling()
    if (this.#freshness.connection === 'live') this.#say('reconnecting')
  }

  async #connect(): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    this.#listenForSilence(abort)
    if (!document.hidden) this.#tabs?.postMessage('connecting')
    try {
      const response = await fetch('/api/events', {
        headers: { Accept: 'text/event-stream', ...(this.#lastId && { 'Last-Event-ID': this.#lastId }) },
        signal: abort.signal,
      })
      if (response.status === 401) return this.#signedOut()
      if (!response.ok || !response.body) throw new Error(`events: ${response.status}`)
      await this.#read(response.body, abort)
    } catch {
      // Refused, cut or silent: all the same, and told by the connection line.
    } finally {
      // What is left of the answer is given up: an unread one would keep its connection open.
      abort.abort()
    }
    // An end from outside (stop, hidden) has taken this away; silence has not.
    if (this.#abort === abort) this.#comeBack()
  }

  #signedOut(): void {
    this.stop()
    this.#options.onSignedOut()
  }

  async #read(content: ReadableStream<Uint8Array<ArrayBuffer>>, abort: AbortController): Promise<void> {
    const parser = createParser({
      onEvent: ({ event, data, id }) => {
        if (id) this.#lastId = id
        this.#options.onEvent(event ?? 'message', JSON.parse(data))
      },
    })
    const reader = content.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done || abort.signal.aborted) return
      this.#listenForSilence(abort)
      parser.feed(value)
      this.#isHealthy()
    }
  }

  #listenForSilence(abort: AbortController): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => abort.abort(), SILENCE)
  }

  #isHealthy(): void {
    this.#failures = 0
    this.#stopPolling()
    this.#say('live', Date.now())
  }

  #comeBack(): void {
    this.#abort = null
    clearTimeout(this.#silence)
    this.#failures += 1
    if (this.#freshness.connection !== 'offline') this.#say('reconnecting')
    // From the second failure on, the page asks for itself until the stream is back.
    if (this.#failures >= 2) this.#startPolling()
    const pause = Math.min(LONGEST_PAUSE, 1000 * 2 ** (this.#failures - 1))
    // Jitter, so that a restarted server is not met by every page at once.
    this.#pause = setTimeout(() => void this.#connect(), pause * (0.75 + Math.random() / 2))
  }

  #startPolling(): void {
    if (this.#polling) return
    this.#polling = {}
    void this.#poll(this.#polling)
  }

  async #poll(run: object): Promise<void> {
    let connection: Connection = 'reconnecting'
    try {
      await this.#options.poll()
    } catch {
      connection = 'offline'
    }
    // The stream may have come back meanwhile.
    if (this.#polling !== run) return
    const isBack = connection !== 'offline' && this.#freshness.connection === 'offline'
    this.#say(connection, connection === 'offline' ? undefined : Date.now())
    // The server answers again: no sense in waiting out a pause that grew while it was away.
    if (isBack && !this.#abort) {
      clearTimeout(this.#pause)
      void this.#connect()
    }
    this.#nextPoll = setTimeout(() => void this.#poll(run), POLL_EVERY)
  }

  #stopPolling(): void {
    this.#polling = null
    clearTimeout(this.#nextPoll)
  }

  #say(connection: Connection, at = this.#freshness.at): void {
    this.#freshness = { connection, at }
    this.#options.onFreshness(this.#freshness)
  }
}

type Timer = ReturnType<typeof setTimeout>

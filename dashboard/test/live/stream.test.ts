import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Freshness, HIDDEN_FOR, LiveStream, POLL_EVERY, SILENCE } from '../../src/live/stream'

/** A server in the place of fetch: each connection is answered, fed and cut by hand. */
class FakeServer {
  readonly asked: { lastEventId: string | null; signal: AbortSignal }[] = []
  answer: () => Response | Promise<Response> = () => this.stream()
  feeds: ReadableStreamDefaultController<Uint8Array>[] = []

  fetch = async (_url: string, init: RequestInit): Promise<Response> => {
    const signal = init.signal as AbortSignal
    this.asked.push({ lastEventId: new Headers(init.headers).get('Last-Event-ID'), signal })
    return this.answer()
  }

  stream(): Response {
    const { signal } = this.asked.at(-1) ?? {}
    const content = new ReadableStream<Uint8Array>({
      start: (feed) => {
        this.feeds.push(feed)
        signal?.addEventListener('abort', () => feed.error(new DOMException('cut', 'AbortError')))
      },
    })
    return new Response(content, { headers: { 'Content-Type': 'text/event-stream' } })
  }

  send(text: string): void {
    this.feeds.at(-1)?.enqueue(new TextEncoder().encode(text))
  }

  cut(): void {
    this.feeds.at(-1)?.error(new Error('cut'))
  }
}

const SNAPSHOT = 'id: 5-0\nevent: snapshot\ndata: {"downloads":[],"complete":true}\n\n'

let server: FakeServer
let stream: LiveStream
let events: [string, unknown][]
let freshness: Freshness[]
let poll: ReturnType<typeof vi.fn<() => Promise<void>>>
let onSignedOut: ReturnType<typeof vi.fn<() => void>>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.5) // no jitter: the pauses are 1, 2, 4… s
  server = new FakeServer()
  vi.stubGlobal('fetch', server.fetch)
  events = []
  freshness = []
  poll = vi.fn(async () => {})
  onSignedOut = vi.fn()
  stream = new LiveStream({
    onEvent: (type, data) => events.push([type, data]),
    onFreshness: (next) => freshness.push(next),
    onSignedOut,
    poll,
  })
})

afterEach(() => {
  stream.stop()
  expect(vi.getTimerCount(), 'timers left behind').toBe(0)
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const later = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds)
const connection = () => freshness.at(-1)?.connection

/** Connect, and hear the first snapshot. */
async function goLive() {
  stream.start()
  await later()
  server.send(SNAPSHOT)
  await later()
}

function hide(isHidden: boolean) {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(isHidden)
  document.dispatchEvent(new Event('visibilitychange'))
}

describe('a stream that is well', () => {
  it('is connecting, then live with the first event', async () => {
    stream.start()
    expect(connection()).toBe('connecting')
    await later()
    server.send(SNAPSHOT)
    await later()
    expect(connection()).toBe('live')
    expect(freshness.at(-1)?.at).toBe(Date.now())
    expect(events).toEqual([['snapshot', { downloads: [], complete: true }]])
  })

  it('puts events together that were split across chunks, even within a character', async () => {
    await goLive()
    const text = new TextEncoder().encode('event: model.updated\ndata: {"name":"Größe"}\n\n')
    for (const piece of [text.slice(0, 37), text.slice(37, 38), text.slice(38)]) {
      server.feeds.at(-1)?.enqueue(piece)
      await later()
    }
    expect(events.at(-1)).toEqual(['model.updated', { name: 'Größe' }])
  })

  it('takes two events of one chunk in their order', async () => {
    await goLive()
    server.send('event: heartbeat\ndata: {}\n\nevent: model.deleted\ndata: {"id":7}\n\n')
    await later()
    expect(events.slice(1)).toEqual([
      ['heartbeat', {}],
      ['model.deleted', { id: 7 }],
    ])
  })

  it('never polls', async () => {
    await goLive()
    for (let beat = 0; beat < 12; beat += 1) {
      await later(5000)
      server.send('event: heartbeat\ndata: {}\n\n')
    }
    await later()
    expect(poll).not.toHaveBeenCalled()
    expect(server.asked).toHaveLength(1)
  })
})

describe('a stream that is cut', () => {
  it('comes back after a second and says what it has seen last', async () => {
    await goLive()
    server.cut()
    await later()
    expect(connection()).toBe('reconnecting')
    await later(999)
    expect(server.asked).toHaveLength(1)
    await later(1)
    expect(server.asked).toHaveLength(2)
    expect(server.asked.at(-1)?.lastEventId).toBe('5-0')
    server.send(SNAPSHOT)
    await later()
    expect(connection()).toBe('live')
    expect(poll).not.toHaveBeenCalled()
  })

  it('does not name an event that it never saw', async () => {
    server.answer = () => new Response(null, { status: 502 })
    stream.start()
    await later(1000)
    expect(server.asked.map(({ lastEventId }) => lastEventId)).toEqual([null, null])
  })

  it('is given up after 15 s of silence', async () => {
    await goLive()
    await later(SILENCE - 1)
    expect(connection()).toBe('live')
    await later(1)
    expect(connection()).toBe('reconnecting')
    expect(server.asked[0]?.signal.aborted).toBe(true)
    await later(1000)
    expect(server.asked).toHaveLength(2)
  })

  it('is given up too when the server takes the connection and never answers', async () => {
    server.answer = () => new Promise(() => {})
    stream.start()
    await later(SILENCE)
    expect(server.asked[0]?.signal.aborted).toBe(true)
  })

  it('pauses 1, 2, 4, 8, 16, 30, 30 s', async () => {
    server.answer = () => Promise.reject(new TypeError('refused'))
    stream.start()
    await later()
    let asked = 1
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      await later(seconds * 1000 - 1)
      expect(server.asked).toHaveLength(asked)
      await later(1)
      expect(server.asked).toHaveLength((asked += 1))
    }
  })

  it.each([
    [0, 750],
    [1, 1250],
  ])('spreads the pages that come back: with chance %f it pauses %i ms', async (chance, pause) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance)
    server.answer = () => Promise.reject(new TypeError('refused'))
    stream.start()
    await later(pause - 1)
    expect(server.asked).toHaveLength(1)
    await later(1)
    expect(server.asked).toHaveLength(2)
  })

  it('reconnects when an event is no JSON, and gives up the rest of it', async () => {
    await goLive()
    server.send('id: 6-0\nevent: model.updated\ndata: {oops\n\n')
    await later()
    expect(connection()).toBe('reconnecting')
    expect(server.asked[0]?.signal.aborted).toBe(true)
    await later(1000)
    expect(server.asked.at(-1)?.lastEventId).toBe('6-0')
  })
})

describe('polling', () => {
  /** Live once, then refused for good. */
  async function goDown() {
    await goLive()
    server.answer = () => new Response('{}', { status: 503 })
    server.cut()
    await later()
  }

  it('starts with the second failure and goes on every 750 ms', async () => {
    await goDown()
    await later(999)
    expect(poll).not.toHaveBeenCalled()
    await later(1)
    expect(poll).toHaveBeenCalledTimes(1)
    await later(POLL_EVERY * 3)
    expect(poll).toHaveBeenCalledTimes(4)
    expect(connection()).toBe('reconnecting')
    expect(freshness.at(-1)?.at).toBe(Date.now())
  })

  it('goes on and keeps trying while the server has no room for another stream (503)', async () => {
    await goDown()
    await later(60_000)
    expect(poll.mock.calls.length).toBeGreaterThan(70)
    expect(server.asked.length).toBeGreaterThan(5)
    server.answer = () => new Response(SNAPSHOT)
    await later(30_000)
    expect(freshness.slice(2).map((one) => one.connection)).toContain('live')
  })

  it('stops with the first event of the stream that is back', async () => {
    await goDown()
    await later(1000)
    server.answer = () => server.stream()
    await later(2000)
    server.send(SNAPSHOT)
    await later()
    const polls = poll.mock.calls.length
    await later(10_000)
    expect(poll).toHaveBeenCalledTimes(polls)
    expect(connection()).toBe('live')
  })

  it('says offline when the polls are not answered either, and keeps the age of the last news', async () => {
    await goDown()
    const at = freshness.at(-1)?.at
    poll.mockRejectedValue(new Error('away'))
    await later(5000)
    expect(freshness.at(-1)).toEqual({ connection: 'offline', at })
  })

  it('connects at once when the server answers again after it was away', async () => {
    await goDown()
    poll.mockRejectedValue(new Error('away'))
    await later(20_000)
    server.answer = () => server.stream()
    poll.mockResolvedValue()
    await later(POLL_EVERY)
    server.send(SNAPSHOT)
    await later()
    expect(connection()).toBe('live')
  })

  it('does not go on twice when an answer comes after its run was ended', async () => {
    await goDown()
    let answer: (() => void) | undefined
    poll.mockImplementationOnce(() => new Promise((done) => (answer = done)))
    await later(1000)
    expect(poll).toHaveBeenCalledTimes(1)
    dispatchEvent(new Event('online')) // ends this run; the connection fails, and a new one starts
    await later()
    answer?.()
    await later()
    const before = poll.mock.calls.length
    await later(POLL_EVERY * 4)
    expect(poll.mock.calls.length - before).toBe(4)
  })
})

describe('a hidden tab', () => {
  it('lets the stream go after a minute and connects when it is seen again', async () => {
    await goLive()
    hide(true)
    for (let beat = 0; beat < HIDDEN_FOR / 5000; beat += 1) {
      expect(server.asked[0]?.signal.aborted).toBe(false)
      server.send('event: heartbeat\ndata: {}\n\n')
      await later(5000)
    }
    expect(server.asked[0]?.signal.aborted).toBe(true)
    await later(120_000)
    expect(server.asked).toHaveLength(1)
    hide(false)
    await later()
    expect(server.asked).toHaveLength(2)
    expect(server.asked.at(-1)?.lastEventId).toBe('5-0')
  })

  it('that comes back within the minute keeps its stream', async () => {
    await goLive()
    hide(true)
    await later(10_000)
    hide(false)
    server.send('event: heartbeat\ndata: {}\n\n')
    await later(10_000)
    expect(server.asked).toHaveLength(1)
  })

  it('gives its connection up at once to another tab that connects, and one that is seen keeps its own', async () => {
    await goLive()
    const other = new BroadcastChannel('weighbridge-stream')
    const heard = new Promise<void>((done) => other.addEventListener('message', () => done()))
    other.postMessage('connecting')
    // A message of its own, sent later, has been heard: so was the other's.
    stream.stop()
    stream.start()
    await heard
    expect(server.asked.at(-1)?.signal.aborted).toBe(false)
    hide(true)
    other.postMessage('connecting')
    await vi.waitFor(() => expect(server.asked.at(-1)?.signal.aborted).toBe(true))
    other.close()
  })

  it('does not poll while nobody looks', async () => {
    server.answer = () => Promise.reject(new TypeError('refused'))
    stream.start()
    hide(true)
    await later(HIDDEN_FOR)
    poll.mockClear()
    await later(60_000)
    expect(poll).not.toHaveBeenCalled()
    dispatchEvent(new Event('online'))
    await later(1000)
    expect(poll).not.toHaveBeenCalled()
  })
})

describe('the end', () => {
  it('comes with 401: nobody is signed in any more', async () => {
    server.answer = () => new Response('{}', { status: 401 })
    stream.start()
    await later(60_000)
    expect(onSignedOut).toHaveBeenCalledTimes(1)
    expect(server.asked).toHaveLength(1)
    expect(poll).not.toHaveBeenCalled()
  })

  it('leaves nothing open when it is stopped', async () => {
    await goLive()
    stream.stop()
    await later(60_000)
    expect(server.asked).toHaveLength(1)
    expect(server.asked[0]?.signal.aborted).toBe(true)
  })

  it('may come at once and be followed by another beginning (StrictMode)', async () => {
    stream.start()
    stream.stop()
    const second = new LiveStream({ onEvent: () => {}, onFreshness: () => {}, onSignedOut, poll })
    second.start()
    await later()
    server.send(SNAPSHOT)
    await later(5000)
    expect(server.asked.map(({ signal }) => signal.aborted)).toEqual([true, false])
    second.stop()
  })
})

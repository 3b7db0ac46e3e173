import { describe, expect, it } from 'vitest'
import { roomFor } from '../../src/create/room'
import { aStorage } from './api'

const GB = 1e9

describe('the room for a file', () => {
  it('is what is free after the queue, less the file', () => {
    const storage = aStorage({ reservedBytes: 20 * GB, availableAfterQueueBytes: 301 * GB })
    expect(roomFor(storage, 9 * GB, { at: 'nothing' })).toMatchObject({
      freeNow: 321 * GB,
      freeAfter: 292 * GB,
      missing: null,
    })
  })

  it('names what is needed and what is free when it does not fit', () => {
    const storage = aStorage({ availableAfterQueueBytes: 4.2 * GB })
    expect(roomFor(storage, 9 * GB, { at: 'nothing' }).missing).toEqual({ needed: 9 * GB, free: 4.2 * GB })
  })

  it('says nothing of what nobody has told', () => {
    const storage = aStorage({
      totalBytes: null,
      usedBytes: null,
      availableBytes: null,
      availableAfterQueueBytes: null,
    })
    const nothing = { freeNow: null, freeAfter: null, missing: null, bar: null }
    expect(roomFor(storage, 9 * GB, { at: 'nothing' })).toEqual(nothing)
    expect(roomFor(undefined, 9 * GB, { at: 'nothing' })).toEqual(nothing)
  })

  it('counts a download once: it is in the queue already', () => {
    const storage = aStorage({
      totalBytes: 100 * GB,
      usedBytes: 50 * GB,
      reservedBytes: 20 * GB,
      availableAfterQueueBytes: 30 * GB,
    })
    expect(roomFor(storage, 9 * GB, { at: 'queued', left: 8 * GB })).toMatchObject({
      freeAfter: 30 * GB,
      bar: { used: 0.5, reserved: 0.12, own: 0.08 },
    })
  })

  it('counts a file that is here as used', () => {
    const storage = aStorage({ totalBytes: 100 * GB, usedBytes: 50 * GB })
    expect(roomFor(storage, 10 * GB, { at: 'here' })).toMatchObject({
      freeAfter: null,
      bar: { used: 0.4, own: 0.1 },
    })
  })
})

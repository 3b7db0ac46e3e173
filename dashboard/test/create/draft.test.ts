import { describe, expect, it } from 'vitest'
import {
  dropDraft,
  hostedChanges,
  isTouched,
  keepDraft,
  localChanges,
  readDraft,
} from '../../src/create/draft'
import { NEW_HOSTED, NEW_LOCAL } from '../../src/create/schema'

const KEY = 'weighbridge-draft-new'
const read = () => readDraft(KEY, NEW_LOCAL, NEW_HOSTED)

function keep(local: object, hosted: object): void {
  keepDraft(KEY, {
    from: '',
    type: 'hosted-llm',
    local: localChanges({ ...NEW_LOCAL, ...local }, NEW_LOCAL),
    hosted: hostedChanges({ ...NEW_HOSTED, ...hosted }, NEW_HOSTED),
  })
}

describe('a draft', () => {
  it('comes back as it was', () => {
    keep({ repository: 'a/b', file: 'x.gguf' }, { name: 'GPT' })
    expect(read()).toEqual({
      from: '',
      type: 'hosted-llm',
      local: { repository: 'a/b', file: 'x.gguf' },
      hosted: { name: 'GPT' },
    })
  })

  it('never holds a secret', () => {
    keep({ hfToken: 'hf_secret', name: 'A' }, { apiKey: 'sk-secret', name: 'B' })
    expect(JSON.stringify(sessionStorage)).not.toContain('secret')
  })

  it('is gone once it is dropped', () => {
    keep({ name: 'A' }, {})
    dropDraft(KEY)
    expect(read()).toBeNull()
  })

  it('takes nothing that does not fit the form of today', () => {
    sessionStorage.setItem(
      KEY,
      JSON.stringify({ type: 'x', local: { name: 7, file: null }, hosted: { more: 1 } }),
    )
    expect(read()).toMatchObject({ type: 'local', local: { file: null }, hosted: {} })
    sessionStorage.setItem(KEY, 'no json')
    expect(read()).toBeNull()
  })
})

describe('what counts as a change', () => {
  const begin = { local: NEW_LOCAL, hosted: NEW_HOSTED }

  it('is what a person typed', () => {
    expect(isTouched({ ...NEW_LOCAL, repository: 'a/b' }, NEW_HOSTED, begin)).toBe(true)
    expect(isTouched(NEW_LOCAL, { ...NEW_HOSTED, name: 'x' }, begin)).toBe(true)
  })

  it('is not what the form filled in', () => {
    const filled = { ...NEW_LOCAL, file: 'x', fileOf: 'a/b@main', name: 'B', category: 'embedding' }
    expect(isTouched(filled, NEW_HOSTED, begin)).toBe(false)
  })
})

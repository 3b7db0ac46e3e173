import { beforeEach, describe, expect, it } from 'vitest'
import { findModelIn } from '../../src/discover/entry-models'
import { changeView, inTab, matching, readView, tabCounts, type View } from '../../src/discover/view'
import { anEmbedding, anEntry, installed } from './make'

const read = (text: string) => readView(new URLSearchParams(text))

describe('the address', () => {
  beforeEach(() => history.replaceState(null, '', '/discover'))

  it.each([
    ['', { tab: 'featured', q: '', shown: 'all' }],
    ['tab=splade&q=a+b&show=installed', { tab: 'splade', q: 'a b', shown: 'installed' }],
    ['tab=nonsense&show=other', { tab: 'featured', q: '', shown: 'all' }],
  ])('?%s shows %j', (text, view) => expect(read(text)).toEqual(view))

  it('says what differs from how the page begins, and leaves the rest of it alone', () => {
    history.replaceState(null, '', '/discover?entry=x')
    changeView({ tab: 'llm', q: 'qwen' })
    expect(location.search).toBe('?entry=x&tab=llm&q=qwen')
    changeView({ tab: 'featured', q: '', shown: 'available' })
    expect(location.search).toBe('?entry=x&show=available')
  })
})

describe('what is listed', () => {
  const entries = [anEntry(), anEmbedding()]
  const findModel = findModelIn([installed()])
  const ids = (differs: Partial<View>) =>
    matching(entries, { tab: 'llm', q: '', shown: 'all', ...differs }, findModel).map(({ id }) => id)

  it('has every word of the search, wherever it stands', () => {
    expect(ids({ q: 'QWEN chat' })).toEqual(['qwen3-8b'])
    expect(ids({ q: 'intfloat' })).toEqual(['e5-small'])
    expect(ids({ q: 'apache tools' })).toEqual(['qwen3-8b'])
    expect(ids({ q: 'qwen e5' })).toEqual([])
  })

  it('is what is installed, or what is not', () => {
    expect(ids({ shown: 'installed' })).toEqual(['qwen3-8b'])
    expect(ids({ shown: 'available' })).toEqual(['e5-small'])
  })

  it('is of one kind, or featured in the order of that list', () => {
    expect(inTab(entries, 'embedding', []).map(({ id }) => id)).toEqual(['e5-small'])
    expect(inTab(entries, 'featured', ['e5-small', 'gone', 'qwen3-8b']).map(({ id }) => id)).toEqual([
      'e5-small',
      'qwen3-8b',
    ])
    expect(tabCounts(entries, ['e5-small'])).toEqual({
      featured: 1,
      embedding: 1,
      llm: 1,
      reranker: 0,
      splade: 0,
    })
  })
})

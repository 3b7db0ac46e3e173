import { describe, expect, it } from 'vitest'
import { hostedSchema, localSchema, needsOf, NEW_HOSTED, NEW_LOCAL } from '../../src/create/schema'
import { aHosted } from '../make'

const wrongLocal = (differs: object) =>
  localSchema
    .safeParse({ ...NEW_LOCAL, name: 'A model', ...differs })
    .error?.issues.map(({ path }) => path[0]) ?? []

const wrongHosted = (differs: object) => {
  const values = { ...NEW_HOSTED, name: 'A model', apiKey: 'sk-1', ...differs }
  return (
    hostedSchema(needsOf(values, null))
      .safeParse(values)
      .error?.issues.map(({ path }) => path[0]) ?? []
  )
}

describe('the form of a local model', () => {
  it('wants a name of at most 255 characters', () => {
    expect(wrongLocal({})).toEqual([])
    expect(wrongLocal({ name: '   ' })).toEqual(['name'])
    expect(wrongLocal({ name: 'x'.repeat(256) })).toEqual(['name'])
  })

  it.each(['main', 'v1.0', 'refs/pr/1', '', 'a'.repeat(40)])('takes the revision “%s”', (revision) => {
    expect(wrongLocal({ revision })).toEqual([])
  })

  it.each(['two words', '-x', 'a..b', 'a/', 'x.lock', '@', 'a~1'])(
    'refuses the revision “%s”',
    (revision) => {
      expect(wrongLocal({ revision })).toEqual(['revision'])
    },
  )

  it('keeps patterns and files inside the repository', () => {
    expect(wrongLocal({ allowPatterns: '*.json\n\nonnx/*', typedFile: 'a/b.gguf' })).toEqual([])
    expect(wrongLocal({ allowPatterns: '*.json\n../secret' })).toEqual(['allowPatterns'])
    expect(wrongLocal({ ignorePatterns: '/etc/*' })).toEqual(['ignorePatterns'])
    expect(wrongLocal({ typedFile: '../x.gguf' })).toEqual(['typedFile'])
  })

  it('takes a token with spaces around it, none within', () => {
    expect(wrongLocal({ hfToken: ' hf_abc ' })).toEqual([])
    expect(wrongLocal({ hfToken: 'hf abc' })).toEqual(['hfToken'])
  })
})

describe('the form of a hosted model', () => {
  it('wants a key for OpenAI and Azure, none for a server of one’s own', () => {
    expect(wrongHosted({})).toEqual([])
    expect(wrongHosted({ apiKey: '' })).toEqual(['apiKey'])
    expect(wrongHosted({ apiKey: '', baseUrl: 'http://127.0.0.1:9000/v1' })).toEqual([])
    const azure = { provider: 'azure-openai', baseUrl: 'https://acme.openai.azure.com', deployment: 'gpt' }
    expect(wrongHosted({ ...azure, apiKey: '' })).toEqual(['apiKey'])
  })

  it('wants a deployment for Azure only', () => {
    expect(wrongHosted({ provider: 'azure-openai' })).toEqual(['deployment'])
    expect(wrongHosted({ provider: 'azure-openai', deployment: 'gpt 5' })).toEqual(['deployment'])
    expect(wrongHosted({ provider: 'azure-openai', deployment: 'gpt-5' })).toEqual([])
  })

  it.each(['', 'api.openai.com', 'ftp://x', 'https://', 'https://user:secret@host/v1'])(
    'refuses the address “%s”',
    (baseUrl) => {
      expect(wrongHosted({ baseUrl })).toContain('baseUrl')
    },
  )

  it('does not demand of a stored model what the API let it lack', () => {
    const model = aHosted({ provider: 'azure-openai', deployment: null })
    expect(needsOf({ ...NEW_HOSTED, provider: 'azure-openai', apiKeyChange: 'kept' }, model)).toEqual({
      key: false,
      deployment: false,
    })
    expect(needsOf({ ...NEW_HOSTED, apiKeyChange: 'typed' }, model).key).toBe(true)
  })
})

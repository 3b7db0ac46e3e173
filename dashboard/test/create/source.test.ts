import { describe, expect, it } from 'vitest'
import { judge } from '../../src/create/source'

describe('a quick look at what is typed into Repository', () => {
  it.each([
    'unsloth/Qwen3-14B-GGUF',
    'a/b.c_d-e',
    'https://huggingface.co/unsloth/Qwen3-14B-GGUF',
    'http://127.0.0.1:9000/o/n',
    'huggingface.co/o/n',
    'https://huggingface.co/o/n/blob/main/folder/x.gguf',
    'https://example.com/o/n',
  ])('asks for “%s”', (text) => expect(judge(text)).toBe('plausible'))

  it.each([
    '',
    'gpt2',
    'owner/',
    'h',
    'https:',
    'https://',
    'https://huggingface.co',
    'https://huggingface.co/owner',
    'hf.co/',
  ])('waits while “%s” is being typed', (text) => expect(judge(text)).toBe('unfinished'))

  it.each(['two words', 'a/b/c', 'a/b?c', 'ftp://host/a/b', 'o/n#x'])('refuses “%s” at once', (text) =>
    expect(judge(text)).toBe('impossible'),
  )
})

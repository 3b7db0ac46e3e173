/** What to know before a model is loaded. */
import type { Model } from '../api/models'
import { Notice } from '../ui/status'

/** Names that are told of many. */
const MOST_NAMED = 3

export function Caution({ model: { unsafeFiles } }: { model: Model }) {
  if (!unsafeFiles?.length) return null
  const isOne = unsafeFiles.length === 1
  return (
    <Notice
      tone="warn"
      title={`Loading ${isOne ? 'this file' : 'these files'} can run code: ${named(unsafeFiles)}.`}
    >
      Use {isOne ? 'it' : 'them'} only if you trust the repository, or choose safetensors.
    </Notice>
  )
}

function named(files: readonly string[]): string {
  const more = files.length - MOST_NAMED
  return files.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

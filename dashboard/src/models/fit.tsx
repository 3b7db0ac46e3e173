/** What a variant takes once it is loaded, and whether this installation has the room. */
import type { RepoPreview, Variant } from '../api/hub'
import { bytes, count } from '../lib/format'
import { Status, type Tone } from '../ui/status'
import { Tip } from '../ui/tooltip'

type Fitting = Pick<Variant, 'fits' | 'fitsMemory' | 'fitsDisk'>

/** In a word whether it fits; null: nobody knows, so nothing is said. The disk comes first: without it there is no download. */
export function fitWord({ fits, fitsMemory, fitsDisk }: Fitting): { tone: Tone; word: string } | null {
  if (fitsDisk === false) return { tone: 'bad', word: 'No room on disk' }
  if (fitsMemory === false) return { tone: 'warn', word: 'Too big for memory' }
  return fits ? { tone: 'ok', word: 'Fits' } : null
}

export function Fit({ of }: { of: Fitting }) {
  const said = fitWord(of)
  return said && <Status tone={said.tone}>{said.word}</Status>
}

type Needing = Pick<Variant, 'memoryBytes' | 'memoryUnknown'> & { weightsBytes: number }

/** `9.6 GB`, and how that was estimated; at least so much, where a part of it is not known. */
export function Memory({ of, contextLength }: { of: Needing; contextLength: number | null }) {
  if (of.memoryBytes === null) return '–'
  return (
    <Tip text={howEstimated(of, contextLength)} render={<span />}>
      {of.memoryUnknown.includes(CACHE) && (
        <>
          <span aria-hidden="true">≥</span>
          <span className="visually-hidden">at least</span>{' '}
        </>
      )}
      {bytes(of.memoryBytes)}
    </Tip>
  )
}

/** What may be missing from a figure: not in the total; and roughly in it, as a fifth of the weights. */
const CACHE = 'kvCache'
const OVERHEAD = 'overhead'

function howEstimated(
  { memoryBytes, memoryUnknown, weightsBytes }: Needing,
  contextLength: number | null,
): string {
  const isCacheUnknown = memoryUnknown.includes(CACHE)
  const overhead = memoryUnknown.includes(OVERHEAD) ? 'overhead (a fifth of the weights)' : 'overhead'
  const parts = isCacheUnknown ? overhead : `${cacheWords(contextLength)} and ${overhead}`
  const rest = Math.max(0, (memoryBytes ?? 0) - weightsBytes)
  const known = `Estimate: weights ${bytes(weightsBytes)}, ${parts} ${bytes(rest)}.`
  return isCacheUnknown ? `${known} The KV cache is not known and comes on top.` : known
}

const cacheWords = (contextLength: number | null): string =>
  contextLength === null ? 'KV cache' : `KV cache for ${count(contextLength)} tokens`

/** The same for all variants of a repository, in a line. */
export function memoryNote({
  estimateContextLength,
  variants,
}: Pick<RepoPreview, 'estimateContextLength' | 'variants'>): string {
  const isCacheUnknown = variants.some(({ memoryUnknown }) => memoryUnknown.includes(CACHE))
  if (isCacheUnknown) return 'Memory is an estimate: weights and overhead, without the KV cache'
  return `Memory is an estimate: weights, ${cacheWords(estimateContextLength)}, overhead`
}

/** From what is typed into “Repository” to what the Hub has there. */
import { useQuery } from '@tanstack/react-query'
import { asProblem, type Problem } from '../api/client'
import { type RepoPreview, type RepoRef, repoQuery, resolveQuery } from '../api/hub'
import { useSettled } from '../lib/use-settled'
import { listKey, localSchema } from './schema'

const WRONG = 'Use owner/name, a huggingface.co link, or a direct file link.'

export type Source = {
  /** What is wrong with the input, as far as it can be judged. */
  wrong: string | null
  /** What it means; null: not known yet. */
  ref: RepoRef | null
  revision: string
  /** Names the list of files. */
  key: string
  preview: RepoPreview | null
  /** Whether the preview came with its files; a gated repository may keep them to itself. */
  isListed: boolean
  /** Why there is no preview. */
  problem: Problem | null
  isBusy: boolean
  retry: () => void
}

/** Judge before anybody is asked: what can't become a repository, and what is plainly not finished. */
export function judge(text: string): 'impossible' | 'unfinished' | 'plausible' {
  if (/\s/.test(text)) return 'impossible'
  if (/^[a-z]+:/i.test(text)) return judgeLink(text)
  const parts = text.split('/')
  const isHost = /^(www\.)?(huggingface|hf)\.co$/i.test(parts[0] ?? '')
  if (isHost) return judgeLink(`https://${text}`)
  if (/[^\w.\-/]/.test(text) || parts.length > 2) return 'impossible'
  return parts.length === 2 && parts.every(Boolean) ? 'plausible' : 'unfinished'
}

function judgeLink(text: string): 'impossible' | 'unfinished' | 'plausible' {
  if (/^h(t(t(ps?)?)?)?:\/{0,2}[^/]*\/?[^/]*\/?$/i.test(text)) return 'unfinished'
  return /^https?:\/\//i.test(text) ? 'plausible' : 'impossible'
}

/** Follow the input; `isLeft`: it was left, so what looks unfinished (`gpt2`) is meant. */
export function useSource(
  input: string,
  revision: string,
  { isLeft, modelId, isOn }: { isLeft: boolean; modelId?: number; isOn: boolean },
): Source {
  const text = input.trim()
  const verdict = judge(text)
  const isAsked = useSettled(text) === text && isAskable(text, verdict, isLeft) && isOn
  const resolved = useQuery({ ...resolveQuery(text), enabled: isAsked })
  const ref = (isAsked && resolved.data) || null
  const named = useNamedRevision(revision)
  const used = named || ref?.revision || 'main'
  const preview = useQuery({ ...repoQuery(ref?.repo ?? '', used, modelId), enabled: ref !== null })
  const found = (ref && preview.data) || null
  const failure = resolved.error ?? preview.error
  const problem = isAsked && failure && !isRefusedInput(failure) ? asProblem(failure) : null
  return {
    wrong: wrongWith(text, verdict, isAsked ? resolved.error : null),
    ref,
    revision: used,
    key: ref ? listKey(ref.repo, used, ref.filename) : '',
    preview: found,
    isListed: found !== null && found.totalBytes !== null,
    problem,
    isBusy: isOn && isAskable(text, verdict, isLeft) && !found && !failure,
    retry: () => void (ref ? preview.refetch() : resolved.refetch()),
  }
}

function isAskable(text: string, verdict: ReturnType<typeof judge>, isLeft: boolean): boolean {
  return text !== '' && (verdict === 'plausible' || (verdict === 'unfinished' && isLeft))
}

/** The typed revision, once it stands still and could be one. */
function useNamedRevision(revision: string): string {
  const settled = useSettled(revision.trim())
  return localSchema.shape.revision.safeParse(settled).success ? settled : ''
}

const isRefusedInput = (error: Error): boolean => asProblem(error).status === 422

function wrongWith(text: string, verdict: ReturnType<typeof judge>, error: Error | null): string | null {
  if (text && verdict === 'impossible') return WRONG
  if (!error || !isRefusedInput(error)) return null
  // Of a link the API knows better what is wrong; a name has one form only.
  const said = asProblem(error).errors.input?.[0]
  return text.includes('://') && said ? said : WRONG
}

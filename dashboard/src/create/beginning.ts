/** How the page of a new model begins: what the address says, and the draft of before. */
import { navigate } from 'wouter/use-browser-location'
import { draftKey, type ModelType, readDraft } from './draft'
import { type HostedValues, type LocalValues, NEW_HOSTED, NEW_LOCAL } from './schema'

export const KEY = draftKey()

export type Beginning = {
  type: ModelType
  /** The repository that the address named; a draft belongs to the one that it was begun with. */
  from: string
  values: { local: LocalValues; hosted: HostedValues }
  /** The forms before anybody has touched them. */
  untouched: { local: LocalValues; hosted: HostedValues }
  isRestored: boolean
}

/** `?type=hosted&repo=owner/name`. */
export function beginning(): Beginning {
  const params = new URLSearchParams(location.search)
  const from = params.get('repo')?.trim() ?? ''
  const untouched = { local: { ...NEW_LOCAL, repository: from }, hosted: NEW_HOSTED }
  const draft = readDraft(KEY, NEW_LOCAL, NEW_HOSTED)
  const local = draft?.from === from ? draft.local : {}
  const hosted = draft?.hosted ?? {}
  return {
    type: typeIn(params) ?? (from ? 'local' : (draft?.type ?? 'local')),
    from,
    values: { local: { ...untouched.local, ...local }, hosted: { ...NEW_HOSTED, ...hosted } },
    untouched,
    isRestored: Object.keys({ ...local, ...hosted }).length > 0,
  }
}

const WORDS: Record<string, ModelType> = { hosted: 'hosted-llm', local: 'local' }

const typeIn = (params: URLSearchParams): ModelType | null => WORDS[params.get('type') ?? ''] ?? null

/** Keep the type in the address, so that a reload shows the same form. */
export function chooseType(type: ModelType): void {
  const params = new URLSearchParams(location.search)
  params.set('type', type === 'local' ? 'local' : 'hosted')
  navigate(`${location.pathname}?${params}`, { replace: true })
}

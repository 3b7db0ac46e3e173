/** What was typed, kept in this tab's sessionStorage; never a secret, because only the fields named here are kept. */
import type { HostedValues, LocalValues } from './schema'

const LOCAL_FIELDS = [
  'place',
  'path',
  'repository',
  'revision',
  'file',
  'fileOf',
  'typedFile',
  'allowPatterns',
  'ignorePatterns',
  'name',
  'isNamed',
  'category',
  'isKindChosen',
  'downloadNow',
  'isActive',
] as const satisfies readonly (keyof LocalValues)[]

const HOSTED_FIELDS = [
  'provider',
  'name',
  'baseUrl',
  'otherBaseUrl',
  'deployment',
  'apiVersion',
  'category',
  'isActive',
] as const satisfies readonly (keyof HostedValues)[]

export type ModelType = 'local' | 'hosted-llm'

/** What differs from the forms as they begin; `from`: the repository that the address named then. */
export type Draft = {
  from: string
  type: ModelType
  local: Partial<LocalValues>
  hosted: Partial<HostedValues>
}

/** The key of the draft of the new model, or of an existing one. */
export const draftKey = (id?: number): string => `weighbridge-draft-${id ?? 'new'}`

/** The kept draft, as far as it fits the forms of today; null: there is none. */
export function readDraft(key: string, local: LocalValues, hosted: HostedValues): Draft | null {
  try {
    const known = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Draft | null
    if (!known) return null
    return {
      from: String(known.from),
      type: known.type === 'hosted-llm' ? 'hosted-llm' : 'local',
      local: fitting(known.local, LOCAL_FIELDS, local),
      hosted: fitting(known.hosted, HOSTED_FIELDS, hosted),
    }
  } catch {
    // Storage is forbidden, or an older version wrote it: as if nothing was kept.
    return null
  }
}

/** Keep what was typed. */
export function keepDraft(key: string, draft: Draft): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(draft))
  } catch {
    // Forbidden or full: the form itself still holds everything.
  }
}

/** It was saved or given up. */
export function dropDraft(key: string): void {
  try {
    sessionStorage.removeItem(key)
  } catch {
    // Forbidden: then nothing was kept either.
  }
}

/** The fields of a local model that differ from how the form begins. */
export const localChanges = (values: LocalValues, begin: LocalValues): Partial<LocalValues> =>
  differing(values, LOCAL_FIELDS, begin)

/** The fields of a hosted model that differ from how the form begins. */
export const hostedChanges = (values: HostedValues, begin: HostedValues): Partial<HostedValues> =>
  differing(values, HOSTED_FIELDS, begin)

/** Whether a person has changed something; what the form fills in by itself does not count. */
export function isTouched(
  local: LocalValues,
  hosted: HostedValues,
  begin: { local: LocalValues; hosted: HostedValues },
): boolean {
  const own = localChanges(local, begin.local)
  if (!local.isNamed) delete own.name
  if (!local.isKindChosen) delete own.category
  // Looking at the other source changes nothing yet.
  delete own.place
  delete own.file
  delete own.fileOf
  return Object.keys({ ...own, ...hostedChanges(hosted, begin.hosted) }).length > 0
}

function differing<T>(values: T, names: readonly (keyof T)[], begin: T): Partial<T> {
  const found: Partial<T> = {}
  for (const name of names) if (values[name] !== begin[name]) found[name] = values[name]
  return found
}

/** The named fields, where they are of the kind that the form has (`file` is a text or null). */
function fitting<T>(from: Partial<T>, names: readonly (keyof T)[], like: T): Partial<T> {
  const found: Partial<T> = {}
  for (const name of names) {
    const value: unknown = from[name]
    const isFile = name === 'file' && (value === null || typeof value === 'string')
    if (isFile || typeof value === typeof like[name]) found[name] = value as T[keyof T]
  }
  return found
}

/** From the forms to what the API takes, and from its refusals back to the fields. */
import type { Problem } from '../api/client'
import type { ConnectionTest, Model, ModelCreate, ModelPatch } from '../api/models'
import type { Choice } from './choice'
import { type HostedValues, linesOf, type LocalValues, type SecretChange } from './schema'
import type { Source } from './source'

type Category = Model['category']

/** A local model to register. */
export function localBody(values: LocalValues, source: Source, choice: Choice): ModelCreate {
  if (values.place === 'path')
    return { type: 'local', ...commonFields(values), source: 'path', localPath: values.path.trim() }
  return {
    type: 'local',
    ...localFields(values, source, choice),
    ...secret('hfToken', values.hfToken, values.hfTokenChange),
    downloadNow: values.downloadNow,
  }
}

/** A hosted model to register. */
export function hostedBody(values: HostedValues): ModelCreate {
  return {
    type: 'hosted-llm',
    ...commonFields(values),
    ...connectionFields(values),
    ...secret('apiKey', values.apiKey, values.apiKeyChange),
  }
}

/** What of a local model has changed; where it comes from only while that may change. */
export function localPatch(
  model: Model,
  values: LocalValues,
  source: Source,
  choice: Choice,
  isFixed: boolean,
): ModelPatch {
  const fields = isFixed ? commonFields(values) : localFields(values, source, choice)
  return { ...changed(model, fields), ...secret('hfToken', values.hfToken, values.hfTokenChange) }
}

/** What of a hosted model has changed. */
export function hostedPatch(model: Model, values: HostedValues): ModelPatch {
  return {
    ...changed(model, { ...commonFields(values), ...connectionFields(values, model.provider) }),
    ...secret('apiKey', values.apiKey, values.apiKeyChange),
  }
}

/** What to test: everything for a model to be, what differs for one that is stored. */
export function testBody(values: HostedValues, model: Model | null): ConnectionTest {
  const fields = connectionFields(values, model?.provider)
  const key = secret('apiKey', values.apiKey, values.apiKeyChange)
  return model ? { modelId: model.id, ...changed(model, fields), ...key } : { ...fields, ...key }
}

function commonFields(values: LocalValues | HostedValues) {
  return {
    name: values.name.trim(),
    category: (values.category || null) as Category,
    isActive: values.isActive,
  }
}

function localFields(values: LocalValues, source: Source, choice: Choice) {
  const isWhole = choice.file === null
  return {
    ...commonFields(values),
    hfRepo: source.ref?.repo ?? values.repository.trim(),
    revision: source.revision,
    modelFile: choice.file,
    allowPatterns: isWhole ? patterns(values.allowPatterns) : null,
    ignorePatterns: isWhole ? patterns(values.ignorePatterns) : null,
  }
}

/** Deployment and version are Azure's; a model that leaves Azure forgets them. */
function connectionFields(values: HostedValues, before?: Model['provider']) {
  const place = { provider: values.provider, baseUrl: values.baseUrl.trim() }
  if (values.provider === 'azure-openai')
    return {
      ...place,
      deployment: values.deployment.trim() || null,
      apiVersion: values.apiVersion.trim() || null,
    }
  return before === 'azure-openai' ? { ...place, deployment: null, apiVersion: null } : place
}

function patterns(text: string): string[] | null {
  const lines = linesOf(text)
  return lines.length ? lines : null
}

/** Absent: it stays. A text: it replaces. null: it is removed. */
function secret<Name extends string>(
  name: Name,
  value: string,
  change: SecretChange,
): { [key in Name]?: string | null } {
  if (change === 'removed') return { [name]: null } as { [key in Name]?: null }
  const typed = value.trim()
  return change === 'typed' && typed ? ({ [name]: typed } as { [key in Name]?: string }) : {}
}

function changed<T extends object>(model: Model, fields: T): Partial<T> {
  const before = model as unknown as Record<string, unknown>
  const different = Object.entries(fields).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
  )
  return Object.fromEntries(different) as Partial<T>
}

/** One field that the API refused. */
export type Refusal = { message: string; existingId: number | null }
export type Refusals = Record<string, Refusal>

/** The names of the API's fields where the form calls them otherwise. */
const FORM_NAMES: Record<string, string> = { hfRepo: 'repository', modelFile: 'file', localPath: 'path' }

/** Refusals that are about one field each; what is to be done about them stands below it too. */
const FIELDS_OF: Record<string, string> = { INVALID_LOCAL_PATH: 'path', NOT_IN_CATALOG: 'repository' }

/** The fields that a refusal is about; empty: it is about none of them. */
export function refusalsOf(problem: Problem): Refusals {
  if (problem.code === 'MODEL_ALREADY_EXISTS') {
    const existingId = typeof problem.body.existingId === 'number' ? problem.body.existingId : null
    return { [formName(String(problem.body.field ?? 'name'))]: { message: problem.message, existingId } }
  }
  const field = FIELDS_OF[problem.code]
  if (field) return { [field]: { message: `${problem.message} ${problem.remedy}`, existingId: null } }
  if (problem.code !== 'VALIDATION_ERROR') return {}
  const found = Object.entries(problem.errors).map(([name, messages]) => [
    formName(name),
    { message: messages.join(' '), existingId: null },
  ])
  return Object.fromEntries(found) as Refusals
}

/** `allowPatterns.0` is about `allowPatterns`. */
function formName(name: string): string {
  const field = name.split('.')[0] ?? name
  return FORM_NAMES[field] ?? field
}

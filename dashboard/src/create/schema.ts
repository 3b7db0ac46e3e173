/** The two forms: what they hold, how they begin, and what makes them valid. */
import { zodResolver } from '@hookform/resolvers/zod'
import type { Resolver } from 'react-hook-form'
import * as z from 'zod/mini'
import type { Model } from '../api/models'

export const OPENAI_BASE_URL = 'https://api.openai.com/v1'
export const AZURE_API_VERSION = '2024-10-21'

export type Provider = NonNullable<Model['provider']>

/** What is to become of a secret: typed now, left as it is stored, or removed. */
export type SecretChange = 'typed' | 'kept' | 'removed'

/** Where a local model comes from. */
export type Place = 'hub' | 'path'

export type LocalValues = {
  place: Place
  /** On the server, where `place` says so. */
  path: string
  repository: string
  revision: string
  /** The file chosen of the list; null: the whole repository. */
  file: string | null
  /** Which list (repository@revision) `file` was chosen of; empty: none yet. */
  fileOf: string
  /** The file by name, where no list can be had; empty: the whole repository. */
  typedFile: string
  /** One a line. */
  allowPatterns: string
  ignorePatterns: string
  name: string
  /** Whether a person wrote the name; until then it follows the choice. */
  isNamed: boolean
  category: string
  isKindChosen: boolean
  hfToken: string
  hfTokenChange: SecretChange
  downloadNow: boolean
  isActive: boolean
}

export type HostedValues = {
  provider: Provider
  name: string
  baseUrl: string
  /** The address typed for the other provider, so that changing one's mind loses nothing. */
  otherBaseUrl: string
  apiKey: string
  apiKeyChange: SecretChange
  deployment: string
  apiVersion: string
  category: string
  isActive: boolean
}

export const NEW_LOCAL: LocalValues = {
  place: 'hub',
  path: '',
  repository: '',
  revision: '',
  file: null,
  fileOf: '',
  typedFile: '',
  allowPatterns: '',
  ignorePatterns: '',
  name: '',
  isNamed: false,
  category: 'llm',
  isKindChosen: false,
  hfToken: '',
  hfTokenChange: 'typed',
  downloadNow: true,
  isActive: true,
}

export const NEW_HOSTED: HostedValues = {
  provider: 'openai',
  name: '',
  baseUrl: OPENAI_BASE_URL,
  otherBaseUrl: '',
  apiKey: '',
  apiKeyChange: 'typed',
  deployment: '',
  apiVersion: AZURE_API_VERSION,
  category: 'llm',
  isActive: true,
}

/** The form of a local model as it is registered. */
export function localValues(model: Model): LocalValues {
  return {
    ...NEW_LOCAL,
    place: model.source === 'path' ? 'path' : 'hub',
    path: model.localPath ?? '',
    repository: model.hfRepo ?? '',
    revision: model.revision ?? '',
    file: model.modelFile,
    fileOf: model.hfRepo ? listKey(model.hfRepo, model.revision ?? 'main') : '',
    typedFile: model.modelFile ?? '',
    allowPatterns: model.allowPatterns?.join('\n') ?? '',
    ignorePatterns: model.ignorePatterns?.join('\n') ?? '',
    name: model.name,
    isNamed: true,
    category: model.category ?? '',
    isKindChosen: true,
    hfTokenChange: model.hasHfToken ? 'kept' : 'typed',
    downloadNow: false,
    isActive: model.isActive,
  }
}

/** The form of a hosted model as it is registered. */
export function hostedValues(model: Model): HostedValues {
  const provider = model.provider ?? 'openai'
  return {
    ...NEW_HOSTED,
    provider,
    name: model.name,
    baseUrl: model.baseUrl ?? '',
    otherBaseUrl: provider === 'openai' ? '' : OPENAI_BASE_URL,
    apiKeyChange: model.hasApiKey ? 'kept' : 'typed',
    deployment: model.deployment ?? '',
    apiVersion: model.apiVersion ?? (provider === 'openai' ? AZURE_API_VERSION : ''),
    category: model.category ?? '',
    isActive: model.isActive,
  }
}

/** What names one list of files, and the file that a link pointed to. */
export const listKey = (repo: string, revision: string, linked: string | null = null): string =>
  linked ? `${repo}@${revision}:${linked}` : `${repo}@${revision}`

/** The lines of a text area that say something. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

const nameRule = z
  .string()
  .check(z.trim(), z.minLength(1, 'Give it a name.'), z.maxLength(255, 'At most 255 characters.'))
const secretRule = z
  .string()
  .check(z.trim(), z.regex(/^[!-~]*$/, 'Only letters, digits and signs, without spaces.'), z.maxLength(4096))

// What git refuses in a name (shared/hub_names.py has the same).
// oxlint-disable-next-line no-control-regex
const NO_REVISION = /[\x00-\x20\x7f~^:?*[\\]|\.\.|\/\/|@\{|^[/.-]|[/.]$|\/\.|\.lock(\/|$)|^@$/
const revisionRule = z.string().check(
  z.trim(),
  z.refine((text) => !text || !NO_REVISION.test(text), 'A branch, a tag or a commit, without spaces.'),
)

const leadsOutside = (path: string) =>
  path.includes('\\') || path.split('/').some((part) => ['', '.', '..'].includes(part))
const patternsRule = z.string().check(
  z.refine(
    (text) => !linesOf(text).some(leadsOutside),
    'Each line is a pattern inside the repository, like *.json or onnx/*.',
  ),
  z.refine((text) => linesOf(text).length <= 64, 'At most 64 patterns.'),
)
const fileRule = z.string().check(
  z.trim(),
  z.refine((text) => !text || !leadsOutside(text), 'A path inside the repository, like folder/file.gguf.'),
)

/** The rules of what is typed; whether repository and file are known is the page's to say. */
export const localSchema = z.looseObject({
  revision: revisionRule,
  typedFile: fileRule,
  allowPatterns: patternsRule,
  ignorePatterns: patternsRule,
  name: nameRule,
  hfToken: secretRule,
})

/** The rules of a model that lies on the server already; what the other source holds is not looked at. */
export const pathSchema = z.looseObject({
  path: z.string().check(
    z.trim(),
    z.refine((text) => !text || text.startsWith('/'), 'An absolute path: it begins with /.'),
    z.maxLength(4096, 'At most 4,096 characters.'),
  ),
  name: nameRule,
})

function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^\s/]/.test(text) && URL.canParse(text)
}

const baseUrlRule = z.string().check(
  z.trim(),
  z.minLength(1, 'Enter the address of the API.'),
  z.refine((text) => !text || isWebAddress(text), 'An address that begins with https:// or http://.'),
  z.refine(
    (text) => !isWebAddress(text) || !/[^/]*@/.test(text.split('/')[2] ?? ''),
    'No user name or password in the address; use the API key.',
  ),
)

/** What a hosted model can't do without. */
export type HostedNeeds = { key: boolean; deployment: boolean }

/** The rules of a hosted model. */
export function hostedSchema(needs: HostedNeeds) {
  return z.looseObject({
    name: nameRule,
    baseUrl: baseUrlRule,
    apiKey: needs.key ? secretRule.check(z.minLength(1, 'Enter the API key.')) : secretRule,
    deployment: z
      .string()
      .check(
        z.trim(),
        z.regex(/^[A-Za-z0-9._-]*$/, 'Letters, digits, dots, dashes and underscores.'),
        z.minLength(needs.deployment ? 1 : 0, 'Enter the name of the deployment.'),
      ),
    apiVersion: z.string().check(z.trim(), z.regex(/^[A-Za-z0-9.-]*$/, 'Like 2024-10-21.')),
  })
}

/** `model`: the one that is edited; what the API lets it lack, the form does not demand. */
export function needsOf(values: HostedValues, model: Model | null): HostedNeeds {
  const isAzure = values.provider === 'azure-openai'
  const isTyped = values.apiKeyChange === 'typed'
  if (model)
    return {
      // “Replace” without a new key would say nothing.
      key: isTyped && model.hasApiKey,
      deployment: isAzure && (model.provider !== 'azure-openai' || model.deployment !== null),
    }
  // A server of one's own may need no key.
  return { key: isAzure || hostOf(values.baseUrl) === 'api.openai.com', deployment: isAzure }
}

function hostOf(address: string): string | null {
  return URL.canParse(address) ? new URL(address).hostname : null
}

export const localResolver: Resolver<LocalValues> = (values, context, options) => {
  const schema = values.place === 'path' ? pathSchema : localSchema
  return (zodResolver(schema) as unknown as Resolver<LocalValues>)(values, context, options)
}

/** `model`: the one that is edited, if any. */
export function hostedResolver(model: Model | null): Resolver<HostedValues> {
  return (values, context, options) => {
    const schema = hostedSchema(needsOf(values, model))
    return (zodResolver(schema) as unknown as Resolver<HostedValues>)(values, context, options)
  }
}

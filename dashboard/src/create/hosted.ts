/** The state of the form of a hosted model. */
import { useForm, useWatch } from 'react-hook-form'
import type { Model } from '../api/models'
import { testBody } from './bodies'
import { useConnection } from './connection'
import {
  AZURE_API_VERSION,
  type HostedValues,
  hostedResolver,
  hostedSchema,
  OPENAI_BASE_URL,
  type Provider,
} from './schema'

/** `model`: the one that is edited, if any. */
export function useHosted(begin: HostedValues, model: Model | null) {
  const form = useForm<HostedValues>({
    defaultValues: begin,
    resolver: hostedResolver(model),
    mode: 'onTouched',
  })
  const values = useWatch({ control: form.control }) as HostedValues
  const { errors, isValid } = form.formState
  const tested = testBody(values, model)
  const connection = useConnection(tested)
  const isStored = model !== null && Object.keys(tested).length === 1
  /** Each provider keeps its own address. */
  const setProvider = (provider: Provider) => {
    const fallback = provider === 'openai' ? OPENAI_BASE_URL : ''
    form.setValue('provider', provider)
    form.setValue('otherBaseUrl', values.baseUrl)
    form.setValue('baseUrl', values.otherBaseUrl || fallback)
    if (provider === 'azure-openai' && !values.apiVersion) form.setValue('apiVersion', AZURE_API_VERSION)
    form.clearErrors()
    // Validity is of the provider's own rules, and no field complains before it was visited.
    form.setValue('provider', provider, { shouldValidate: true })
  }
  return { form, values, errors, isValid, connection, setProvider, canTest: canTest(values), isStored }
}

export type Hosted = ReturnType<typeof useHosted>

/** A test needs an address and nothing that is wrong; the name may come later. */
function canTest(values: HostedValues): boolean {
  const { baseUrl, apiKey, deployment, apiVersion } = hostedSchema({ key: false, deployment: false }).shape
  return (
    baseUrl.safeParse(values.baseUrl).success &&
    apiKey.safeParse(values.apiKey).success &&
    deployment.safeParse(values.deployment).success &&
    apiVersion.safeParse(values.apiVersion).success
  )
}

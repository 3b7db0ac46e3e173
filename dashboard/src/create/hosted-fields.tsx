/** The fields of a hosted model. */
import { Field, Input } from '../ui/field'
import { Segmented } from '../ui/segmented'
import { Switch } from '../ui/switch'
import type { Model } from '../api/models'
import { PROVIDER_NAMES } from '../models/facts'
import type { Refusals } from './bodies'
import { ConnectionSection } from './connection'
import type { Hosted } from './hosted'
import { KindField, NameField } from './name-kind'
import { refusedText } from './refused'
import { OPENAI_BASE_URL, type HostedValues, type Provider } from './schema'
import { SecretField } from './secret-field'
import styles from './form.module.css'

const PROVIDERS = (Object.entries(PROVIDER_NAMES) as [Provider, string][]).map(([value, label]) => ({
  value,
  label,
}))

export function HostedFields({
  hosted: { form, values, errors, connection, setProvider, canTest, isStored },
  refusals,
  model,
}: {
  hosted: Hosted
  refusals: Refusals
  /** The one that is edited, if any. */
  model: Model | null
}) {
  const isAzure = values.provider === 'azure-openai'
  const errorOf = (field: keyof HostedValues) => errors[field]?.message ?? refusedText(refusals, field)
  return (
    <>
      <section className={styles.section} aria-labelledby="provider-title">
        <h2 id="provider-title">Provider</h2>
        <div>
          <Segmented label="Provider" value={values.provider} options={PROVIDERS} onChange={setProvider} />
        </div>
        <div className={styles.two}>
          <NameField registration={form.register('name')} error={errorOf('name')} isFirst />
          <KindField
            registration={form.register('category')}
            value={values.category}
            error={errorOf('category')}
          />
        </div>
        <Field
          label="Base URL"
          error={errorOf('baseUrl')}
          hint={isAzure ? 'The address of the Azure resource' : undefined}
        >
          <Input
            {...form.register('baseUrl')}
            mono
            inputMode="url"
            placeholder={isAzure ? 'https://NAME.openai.azure.com' : OPENAI_BASE_URL}
          />
        </Field>
        <SecretField
          label="API key"
          word="key"
          placeholder={isAzure ? '' : 'sk-…'}
          error={errorOf('apiKey')}
          isStored={model?.hasApiKey ?? false}
          change={values.apiKeyChange}
          onChange={(change) => setSecretChange(form, 'apiKey', change)}
          registration={form.register('apiKey')}
        />
        {isAzure && (
          <div className={styles.two}>
            <Field
              label="Deployment"
              hint="As it is called in the Azure portal"
              error={errorOf('deployment')}
            >
              <Input {...form.register('deployment')} mono />
            </Field>
            <Field label="API version" hint="Empty: 2024-10-21" error={errorOf('apiVersion')}>
              <Input {...form.register('apiVersion')} mono placeholder="2024-10-21" />
            </Field>
          </div>
        )}
        {model && (
          <Switch
            checked={values.isActive}
            onChange={(isActive) => form.setValue('isActive', isActive)}
            hint="Services may use it"
          >
            Active
          </Switch>
        )}
      </section>
      <ConnectionSection
        connection={connection}
        canTest={canTest}
        known={isStored ? (model?.connection ?? null) : null}
      />
    </>
  )
}

function setSecretChange(form: Hosted['form'], field: 'apiKey', change: HostedValues['apiKeyChange']): void {
  form.setValue(field, '')
  form.clearErrors(field)
  form.setValue('apiKeyChange', change, { shouldValidate: true })
}

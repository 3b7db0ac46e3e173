/** What a model is and where its bytes lie. */
import { useQuery } from '@tanstack/react-query'
import { healthQuery } from '../api/health'
import type { Model } from '../api/models'
import { bytes, count, dateTime, parameters } from '../lib/format'
import { Age } from '../models/age'
import { dimensionFacts } from '../models/dimensions'
import { CATEGORY_NAMES, factsOf, OTHER_FAMILY, PROVIDER_NAMES } from '../models/facts'
import { BaseModel, REMOTE_CODE, Tags } from '../models/preview-facts'
import { Tip } from '../ui/tooltip'
import { Copyable } from './copyable'
import { Fact, Facts, Section } from './fact'

/** Of a local model. */
export function FileFacts({ model }: { model: Model }) {
  const isPath = model.source === 'path'
  return (
    <Section title={model.modelFile || isPath ? 'File' : 'Files'}>
      <Facts>
        {!isPath && (
          <Fact name="Name" mono={Boolean(model.modelFile)}>
            {model.modelFile ?? 'Whole repository'}
          </Fact>
        )}
        <Fact name="Only" mono>
          {model.allowPatterns?.join(', ')}
        </Fact>
        <Fact name="Without" mono>
          {model.ignorePatterns?.join(', ')}
        </Fact>
        <Fact name="Size">{model.fileSizeBytes !== null && <Size value={model.fileSizeBytes} />}</Fact>
        <Fact name={model.checksum?.startsWith('sha256:') === false ? 'Checksum' : 'SHA-256'} mono>
          {model.checksum && <Checksum text={model.checksum} />}
        </Fact>
        <Fact name="Path" mono>
          {model.localPath && <Copyable text={model.localPath} what="path" />}
        </Fact>
        <Fact name="Volume">{hasName(model.volume) && model.volume}</Fact>
        <Fact name="When it is deleted">{isPath && 'Its files stay where they are'}</Fact>
        <Fact name={isPath ? 'Added' : 'Downloaded'}>
          {model.downloadedAt && dateTime(model.downloadedAt)}
        </Fact>
        <Fact name="Revision" mono>
          {model.revision}
        </Fact>
        <Fact name="Commit" mono>
          {model.commitHash && (
            <Copyable text={model.commitHash} shown={model.commitHash.slice(0, 10)} what="commit" />
          )}
        </Fact>
        <Fact name="Hugging Face token">{model.hasHfToken && 'Its own'}</Fact>
      </Facts>
    </Section>
  )
}

/** One that all workers share goes by the path of its cache, which tells nobody anything. */
const hasName = (volume: string | null): boolean => !volume?.startsWith('/')

function Size({ value }: { value: number }) {
  return (
    <Tip text={`${count(value)} bytes`} render={<span />}>
      {bytes(value)}
    </Tip>
  )
}

function Checksum({ text }: { text: string }) {
  const hash = text.replace(/^sha256:/, '')
  return <Copyable text={hash} shown={`${hash.slice(0, 4)}…${hash.slice(-4)}`} what="checksum" />
}

/** Of any model: what it says of itself, else what its name says. */
export function ModelFacts({ model }: { model: Model }) {
  const { data: health } = useQuery(healthQuery)
  const facts = factsOf(model)
  const declared = model.metadata
  return (
    <>
      <Section title="Model">
        <Facts>
          <Fact name="Kind">{model.category && CATEGORY_NAMES[model.category]}</Fact>
          <Fact name="Family">{facts.family !== OTHER_FAMILY && facts.family}</Fact>
          <Fact name="Architecture">{declared?.architecture}</Fact>
          <Fact name="Parameters">{facts.parameterCount !== null && parameters(facts.parameterCount)}</Fact>
          <Fact name="Quantization">{facts.quantization}</Fact>
          <Fact name="Context">
            {declared?.contextLength != null && `${count(declared.contextLength)} tokens`}
          </Fact>
          <Fact name="License">{declared?.license}</Fact>
          <Fact name="Base model">
            {declared?.baseModel && <BaseModel repo={declared.baseModel} endpoint={health?.hub.endpoint} />}
          </Fact>
          <Fact name="Remote code">
            {declared?.requiresTrustRemoteCode != null &&
              (declared.requiresTrustRemoteCode ? REMOTE_CODE : 'Not needed')}
          </Fact>
          <Fact name="Tags">{declared && declared.tags.length > 0 && <Tags tags={declared.tags} />}</Fact>
          <Fact name="Registered">{dateTime(model.createdAt)}</Fact>
          <Fact name="Last used">{model.lastUsedAt && dateTime(model.lastUsedAt)}</Fact>
          <Fact name="In use">{!model.isActive && 'Switched off'}</Fact>
        </Facts>
      </Section>
      {declared && <DimensionsOf declared={declared} />}
    </>
  )
}

/** Its measures, as its own files or the Hub say them; nothing where neither does. */
function DimensionsOf({ declared }: { declared: NonNullable<Model['metadata']> }) {
  const { dtype, isGenerative, weightsBytes } = declared
  const dimensions = dimensionFacts(declared)
  if (!dimensions.length && dtype === null && weightsBytes === null) return null
  return (
    <Section title="Dimensions">
      <Facts>
        {dimensions.map(({ name, value }) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
        <Fact name="Data type">{dtype}</Fact>
        <Fact name="Weights">{weightsBytes !== null && <Size value={weightsBytes} />}</Fact>
        <Fact name="KV cache">
          {isGenerative !== null && (isGenerative ? 'Grows with the context' : 'Keeps none')}
        </Fact>
      </Facts>
    </Section>
  )
}

/** Of a hosted model; never the key. */
export function ConnectionFacts({ model }: { model: Model }) {
  return (
    <Section title="Connection">
      <Facts>
        <Fact name="Provider">{model.provider && PROVIDER_NAMES[model.provider]}</Fact>
        <Fact name="Base URL" mono>
          {model.baseUrl && <Copyable text={model.baseUrl} what="base URL" />}
        </Fact>
        <Fact name="Deployment" mono>
          {model.deployment}
        </Fact>
        <Fact name="API version" mono>
          {model.apiVersion}
        </Fact>
        <Fact name="API key">{model.hasApiKey ? 'Set' : 'None'}</Fact>
        <Fact name="Last test">
          {model.connection ? <LastTest connection={model.connection} /> : 'Not tested'}
        </Fact>
      </Facts>
    </Section>
  )
}

function LastTest({ connection }: { connection: NonNullable<Model['connection']> }) {
  const { ok, latencyMs, testedAt } = connection
  return (
    <>
      {ok ? `Answered in ${count(latencyMs)} ms` : 'Failed'}, <Age at={testedAt} />
    </>
  )
}

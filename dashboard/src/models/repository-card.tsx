/** One repository of the Hub: the variants that are registered and, on demand, those that it has besides. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink, Heart } from 'lucide-react'
import { asProblem } from '../api/client'
import { type RepoPreview, repoQuery, type Variant } from '../api/hub'
import { count, parameters, tokens } from '../lib/format'
import { Button } from '../ui/button'
import { Glyph } from '../ui/glyph'
import { Cut } from '../ui/tooltip'
import type { CardContent } from './cards'
import { factsOf, hubLink, OTHER_FAMILY } from './facts'
import { MoreButton } from './menu-host'
import { StaleNote } from './preview-facts'
import styles from './repositories.module.css'
import { AvailableVariant, ModelVariant, Size, variantName, Variants } from './variant-rows'

type CardProps = Pick<CardContent, 'models' | 'registered'> & {
  repo: string
  /** Where the Hub is; without it the public one. */
  endpoint?: string
  /** Whether the repository's other variants are shown. */
  isOpen: boolean
  onToggle: (repo: string) => void
}

export function RepositoryCard({ repo, endpoint, models, registered, isOpen, onToggle }: CardProps) {
  const revision = models[0]?.revision ?? 'main'
  // A gated repository shows its files to the token that may see them.
  const asked = repoQuery(repo, revision, models.find((model) => model.hasHfToken)?.id)
  const preview = useQuery({ ...asked, enabled: isOpen })
  const others = preview.data?.variants.filter(({ filename }) => !registered.has(filename)) ?? []
  const shown = isOpen ? preview.data : undefined
  const hasNeeds = shown?.variants.some(isMeasured) ?? false
  return (
    <section className={styles.card} aria-label={repo}>
      <CardHeader repo={repo} endpoint={endpoint} models={models} preview={preview.data} />
      <Variants label={`Variants of ${repo}`} hasNeeds={hasNeeds}>
        {models.map((model) => (
          <ModelVariant
            key={model.id}
            model={model}
            name={variantName(model)}
            second={<Size model={model} />}
            preview={preview.data}
            hasNeeds={hasNeeds}
          />
        ))}
        {shown &&
          others.map((variant) => (
            <AvailableVariant
              key={variant.filename}
              preview={shown}
              revision={revision}
              variant={variant}
              hasNeeds={hasNeeds}
            />
          ))}
      </Variants>
      <footer className={styles.footer}>
        <Button look="ghost" size="small" aria-expanded={isOpen} onClick={() => onToggle(repo)}>
          {isOpen ? 'Hide other variants' : 'Show other variants'}
        </Button>
        {isOpen && <Answer preview={preview} isAll={others.length === 0} />}
      </footer>
      {shown?.stale && <StaleNote at={shown.fetchedAt} />}
    </section>
  )
}

const isMeasured = ({ memoryBytes, ratings }: Variant): boolean =>
  memoryBytes !== null || ratings?.quality != null

/** What the Hub's answer was, where its variants do not say it. */
function Answer({ preview, isAll }: { preview: ReturnType<typeof useQuery<RepoPreview>>; isAll: boolean }) {
  if (preview.isPending)
    return (
      <p className={styles.answer} role="status">
        Asking Hugging Face…
      </p>
    )
  if (preview.isError) {
    const problem = asProblem(preview.error)
    return (
      <div className={styles.refused} role="alert">
        <p>
          {problem.message} {problem.remedy}
        </p>
        <Button size="small" onClick={() => void preview.refetch()}>
          Try again
        </Button>
      </div>
    )
  }
  if (preview.data.totalBytes === null)
    return <p className={styles.answer}>Its files are shown only to those who have access on Hugging Face.</p>
  return isAll && <p className={styles.answer}>The repository has no other variants.</p>
}

function CardHeader({
  repo,
  endpoint,
  models,
  preview,
}: Pick<CardProps, 'repo' | 'endpoint' | 'models'> & { preview?: RepoPreview }) {
  const facts = models[0] && factsOf(models[0])
  const words = [
    facts?.parameterCount && parameters(facts.parameterCount),
    facts && facts.family !== OTHER_FAMILY && facts.family,
  ]
    .filter(Boolean)
    .join(' · ')
  // The register knows by itself what the Hub has said once.
  const said = models.find(({ metadata }) => metadata !== null)?.metadata
  const context = preview?.dimensions.contextLength ?? said?.contextLength ?? null
  return (
    <header className={styles.header}>
      <Glyph name={repo.split('/').at(-1) ?? repo} colour={facts?.familyColour ?? 0} />
      <div className={styles.titles}>
        <h2 className={styles.title}>
          <Cut text={repo} />
        </h2>
        <div className={styles.facts}>
          {words && <span>{words}</span>}
          {context !== null && <span>{tokens(context)} context</span>}
          {preview && preview.likes !== null && <Likes value={preview.likes} />}
          <LicenseAndTags of={preview ?? said} />
        </div>
      </div>
      <a href={hubLink(repo, endpoint)} target="_blank" rel="noreferrer" className={styles.link}>
        Hugging Face <ExternalLink size={14} aria-hidden="true" />
      </a>
      <MoreButton about={repo} content={{ kind: 'repository', repo }} />
    </header>
  )
}

function Likes({ value }: { value: number }) {
  return (
    <span>
      <Heart size={11} fill="currentColor" aria-hidden="true" /> {count(value)}
      <span className="visually-hidden"> likes</span>
    </span>
  )
}

const MOST_TAGS = 3

function LicenseAndTags({ of }: { of: Pick<RepoPreview, 'license' | 'tags'> | null | undefined }) {
  if (!of) return null
  return (
    <>
      {of.license && <span>{of.license}</span>}
      {of.tags.length > 0 && (
        <span>
          {of.tags
            .slice(0, MOST_TAGS)
            .map((tag) => `#${tag}`)
            .join(' ')}
        </span>
      )}
    </>
  )
}

/** What the catalog tells of a model besides its name: how it wants to be used, and where to read more. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { type CatalogEntry, catalogQuery } from '../api/catalog'
import { count } from '../lib/format'
import { Fact, Facts, Section } from '../info/fact'
import { inBytes } from './entry-card'
import styles from './discover.module.css'

/** Of a registered model; nothing while it is not known, or when the catalog has no such entry. */
export function CuratedFactsOf({ catalogId }: { catalogId: string }) {
  const { data } = useQuery(catalogQuery)
  const entry = data?.find(({ id }) => id === catalogId)
  return entry ? <CuratedFacts entry={entry} /> : null
}

export function CuratedFacts({ entry }: { entry: CatalogEntry }) {
  const memory = Object.entries(entry.memoryMb)
  return (
    <>
      {hasUse(entry) && <Use entry={entry} />}
      {memory.length > 0 && (
        <Section title="Memory, about">
          <Facts>
            {memory.map(([quantization, megabytes]) => (
              <Fact key={quantization} name={quantization}>
                {inBytes(megabytes)}
              </Fact>
            ))}
          </Facts>
        </Section>
      )}
      <Links entry={entry} />
    </>
  )
}

const hasUse = (entry: CatalogEntry): boolean =>
  entry.category === 'embedding' ||
  [entry.maxSequenceLength, entry.contextWindow, entry.pooling, entry.defaultInstruction].some(
    (value) => value !== null,
  )

function Use({ entry }: { entry: CatalogEntry }) {
  const isEmbedding = entry.category === 'embedding'
  return (
    <Section title="Use">
      <Facts>
        <Fact name="Dimension">{entry.dimension !== null && count(entry.dimension)}</Fact>
        <Fact name="Longest sequence">
          {entry.maxSequenceLength !== null && `${count(entry.maxSequenceLength)} tokens`}
        </Fact>
        <Fact name="Context">{entry.contextWindow !== null && `${count(entry.contextWindow)} tokens`}</Fact>
        <Fact name="Pooling">{entry.pooling}</Fact>
        <Fact name="Queries and documents">
          {entry.isAsymmetric !== null && (entry.isAsymmetric ? 'Embedded differently' : 'Embedded alike')}
        </Fact>
        <Fact name="Query prefix" mono>
          {isEmbedding && <Verbatim text={entry.queryPrefix} />}
        </Fact>
        <Fact name="Document prefix" mono>
          {isEmbedding && <Verbatim text={entry.documentPrefix} />}
        </Fact>
        <Fact name="Default instruction">{entry.defaultInstruction}</Fact>
      </Facts>
    </Section>
  )
}

/** With its quotes, as a space at the end of a prefix counts. */
function Verbatim({ text }: { text: string | null }) {
  return text ? <span className={styles.verbatim}>“{text}”</span> : 'None'
}

function Links({ entry: { links } }: { entry: CatalogEntry }) {
  const known = [
    ['Hugging Face', links.huggingface],
    ['Paper', links.paper],
    ['Homepage', links.homepage],
  ] as const
  return (
    <Section title="Read more">
      <ul className={styles.links}>
        {known.map(
          ([name, href]) =>
            href && (
              <li key={name}>
                <a href={href} target="_blank" rel="noreferrer">
                  {name} <ExternalLink size={13} aria-label="(opens in a new tab)" />
                </a>
              </li>
            ),
        )}
      </ul>
    </Section>
  )
}

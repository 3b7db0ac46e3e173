/** A few models that are worth a look, above the list of models: each is one click away. */
import { useQuery } from '@tanstack/react-query'
import { ArrowRight, ChevronLeft, ChevronRight, ExternalLink, X } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Link } from 'wouter'
import { type Featured, type FeaturedModel, featuredQuery } from '../api/catalog'
import type { Model } from '../api/models'
import { keepPlace } from '../lib/focus'
import { Age } from '../models/age'
import { parametersIn, SIZE_CLASSES, sizeClassOf } from '../models/facts'
import { chooseFeatured, useFeaturedChoice } from '../models/featured-choice'
import place from '../models/models-page.module.css'
import { StatusCell } from '../models/status-cell'
import { IconButton } from '../ui/button'
import { Bone } from '../ui/place'
import { Status } from '../ui/status'
import { toast } from '../ui/toasts'
import { Cut, Tip } from '../ui/tooltip'
import { EntryActions, missingText, useMissing } from './entry-actions'
import { EntryGlyph } from './entry-glyph'
import { type FindModel, findModelIn, isToGet, openDetails } from './entry-models'
import styles from './featured-strip.module.css'

/** `models` null: the register is not known yet, so nothing is offered. What can't be had is not missed. */
export default function FeaturedStrip({ models }: { models: readonly Model[] | null }) {
  const choice = useFeaturedChoice()
  const { data: featured, isError } = useQuery(featuredQuery)
  if (!featured) return isError || choice !== null ? null : <Bones />
  if (!featured.models.length || choice === featured.lastUpdated) return null
  return <Strip featured={featured} models={models} />
}

function Strip({
  featured: { models: shown, lastUpdated },
  models,
}: {
  featured: Featured
  models: readonly Model[] | null
}) {
  const findModel = useMemo(() => models && findModelIn(models), [models])
  const list = useRef<HTMLUListElement>(null)
  const { canGo, go } = useSteps(list)
  useEffect(() => {
    // It is a newer list than the one that was dismissed.
    chooseFeatured(null)
  }, [])
  return (
    <section className={place.featured} aria-labelledby="featured-title">
      <div className={styles.head}>
        <h2 id="featured-title">Featured</h2>
        <span className={styles.age}>
          refreshed <Age at={lastUpdated} />
        </span>
        <span className={styles.gap} />
        {canGo && (
          <div className={styles.steps}>
            <IconButton
              label="Featured models before"
              tip="Before"
              aria-disabled={!canGo.back}
              onClick={() => go(-1)}
            >
              <ChevronLeft size={16} />
            </IconButton>
            <IconButton
              label="Featured models after"
              tip="After"
              aria-disabled={!canGo.on}
              onClick={() => go(1)}
            >
              <ChevronRight size={16} />
            </IconButton>
          </div>
        )}
        <Link href="/discover" className={styles.all}>
          See all <ArrowRight size={14} aria-hidden="true" />
        </Link>
        <IconButton label="Dismiss featured models" tip="Dismiss" onClick={() => dismiss(lastUpdated)}>
          <X size={16} />
        </IconButton>
      </div>
      <ul ref={list} className={styles.cards}>
        {shown.map((entry) => (
          <FeaturedCard key={entry.id} entry={entry} findModel={findModel} />
        ))}
      </ul>
    </section>
  )
}

function dismiss(lastUpdated: string): void {
  chooseFeatured(lastUpdated)
  toast('Featured models are hidden until there are new ones', {
    label: 'Undo',
    run: () => chooseFeatured(null),
  })
  // Its own button went with the strip.
  setTimeout(keepPlace)
}

function FeaturedCard({ entry, findModel }: { entry: FeaturedModel; findModel: FindModel | null }) {
  const model = findModel?.(entry) ?? null
  const missing = useMissing(entry, model)
  const isInstalled = model?.downloaded === true && model.activeOperation === null
  return (
    <li className={styles.card}>
      <div className={styles.top}>
        <EntryGlyph entry={entry} family={entry.metadata?.family} />
        <div className={styles.words}>
          <button type="button" className={styles.name} onClick={() => openDetails(entry, model)}>
            <Cut text={entry.name} />
          </button>
          <Summary entry={entry} />
        </div>
        <div className={styles.action}>
          {isInstalled ? (
            <Status tone="ok">Installed</Status>
          ) : (
            findModel && (
              <EntryActions entry={entry} model={model} missing={missing} isBrief hasMenu={false} />
            )
          )}
        </div>
      </div>
      <div className={styles.slot} data-brief>
        <div className={styles.said}>
          {model && !isToGet(model) && !isInstalled ? (
            <StatusCell model={model} />
          ) : missing ? (
            <p className={styles.missing}>{missingText(missing)}</p>
          ) : (
            <Cut text={entry.description} className={styles.description} />
          )}
        </div>
        <Tip
          text="Hugging Face"
          render={
            <a
              href={entry.links.huggingface}
              target="_blank"
              rel="noreferrer"
              aria-label={`${entry.name} on Hugging Face (opens in a new tab)`}
            />
          }
          className={styles.away}
        >
          <ExternalLink size={14} aria-hidden="true" />
        </Tip>
      </div>
    </li>
  )
}

function Summary({ entry }: { entry: FeaturedModel }) {
  const size = entry.sizeCategory
  const parameterCount = size && parametersIn(size)
  const sizeClass = parameterCount ? sizeClassOf(parameterCount) : size
  return (
    <div className={styles.summary}>
      {size && (
        <Tip text={SIZE_CLASSES.find(({ value }) => value === sizeClass)?.label ?? size} render={<span />}>
          {size}
        </Tip>
      )}
      {entry.tags.map((tag) => (
        <span key={tag}> #{tag}</span>
      ))}
    </div>
  )
}

type Steps = { back: boolean; on: boolean }

/** Which ways there is more to see, and going there; null: everything is in sight. */
function useSteps(list: React.RefObject<HTMLUListElement | null>) {
  const [canGo, setCanGo] = useState<Steps | null>(null)
  useEffect(() => {
    const element = list.current
    if (!element) return
    const measure = () => {
      const { scrollLeft, scrollWidth, clientWidth } = element
      const back = scrollLeft > 1
      const on = scrollLeft + clientWidth < scrollWidth - 1
      setCanGo((before) => {
        if (!back && !on) return null
        return before?.back === back && before.on === on ? before : { back, on }
      })
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [list])
  const go = (way: 1 | -1) => {
    const element = list.current
    // All but a little of what was in sight, so that one card stays to go by.
    element?.scrollBy({ left: way * element.clientWidth * 0.85 })
  }
  return { canGo, go }
}

/** As tall as what will stand there. */
function Bones() {
  return (
    <div className={place.featured} aria-hidden="true">
      <div className={styles.head}>
        <Bone width={64} />
      </div>
      <div className={styles.cards}>
        {[0, 1, 2, 3].map((index) => (
          <div key={index} className={styles.card}>
            <div className={styles.top}>
              <Bone width={30} height={30} />
              <div className={styles.boneWords}>
                <Bone width={104} />
                <Bone width={72} />
              </div>
            </div>
            <div className={styles.slot}>
              <Bone width="70%" />
            </div>
          </div>
        ))}
      </div>
    </div>
  )
}

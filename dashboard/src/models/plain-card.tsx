/** Models that have no repository: hosted ones, and those that lie at a path of their own. */
import { Cloud, Folder } from 'lucide-react'
import { plural } from '../lib/format'
import type { CardContent } from './cards'
import { sourceOf } from './filters'
import styles from './repositories.module.css'
import { ModelVariant, Size, Variants } from './variant-rows'

export function PlainCard({ title, models }: Pick<CardContent, 'title' | 'models'>) {
  const isHosted = models[0]?.type === 'hosted-llm'
  return (
    <section className={styles.card} aria-label={title}>
      <header className={styles.header}>
        <span className={styles.icon} aria-hidden="true">
          {isHosted ? <Cloud size={15} /> : <Folder size={15} />}
        </span>
        <div className={styles.titles}>
          <h2 className={styles.title}>{title}</h2>
          <div className={styles.facts}>{plural(models.length, 'model')}</div>
        </div>
      </header>
      <Variants label={title} first="Name" second={isHosted ? 'Provider' : 'Size'}>
        {models.map((model) => (
          <ModelVariant
            key={model.id}
            model={model}
            name={model.name}
            second={isHosted ? sourceOf(model) : <Size model={model} />}
          />
        ))}
      </Variants>
    </section>
  )
}

/** What kind of model: two cards, of which one holds. */
import { Cloud, Download } from 'lucide-react'
import { Radio } from '../ui/radio'
import type { ModelType } from './draft'
import styles from './form.module.css'

const TYPES = [
  {
    value: 'local',
    title: 'Local Hugging Face model',
    what: 'Download, or add what is here',
    Icon: Download,
  },
  { value: 'hosted-llm', title: 'Hosted LLM', what: 'OpenAI or Azure OpenAI by API key', Icon: Cloud },
] as const

export function TypeChoice({ value, onChange }: { value: ModelType; onChange: (type: ModelType) => void }) {
  return (
    <div role="radiogroup" aria-label="Type" className={styles.types}>
      {TYPES.map(({ value: type, title, what, Icon }) => (
        <label key={type} htmlFor={`type-${type}`} className={styles.type}>
          <Radio
            id={`type-${type}`}
            name="type"
            value={type}
            checked={value === type}
            onChange={() => onChange(type)}
          />
          <Icon size={18} className={styles.typeIcon} aria-hidden="true" />
          <span className={styles.typeText}>
            <span className={styles.typeTitle}>{title}</span>
            <span className={styles.typeWhat}>{what}</span>
          </span>
        </label>
      ))}
    </div>
  )
}

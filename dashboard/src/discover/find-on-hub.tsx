/** The way to any other repository: named here, looked at and registered on the page of a new model. */
import { type FormEvent, useState } from 'react'
import { useLocation } from 'wouter'
import { useMay } from '../api/auth'
import { useCatalogOnly } from '../api/catalog'
import { RepoInput } from '../create/repo-input'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import styles from './discover.module.css'

export function FindOnHub() {
  const may = useMay()
  const [, navigate] = useLocation()
  const [text, setText] = useState('')
  const isCatalogOnly = useCatalogOnly()
  if (!may('admin')) return null
  if (isCatalogOnly)
    return (
      <Notice tone="info" title="Only curated models can be downloaded here">
        Whoever runs this installation has limited it to this catalog, so there is no search of Hugging Face.
      </Notice>
    )
  const open = (repo: string) => navigate(`/models/new?repo=${encodeURIComponent(repo)}`)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim()) open(text.trim())
  }
  return (
    <form className={styles.find} onSubmit={submit}>
      <div className={styles.findWords}>
        <h2>
          <label htmlFor="find-on-hub">Find on Hugging Face</label>
        </h2>
        <p id="find-on-hub-hint">Any repository by a part of its name, or a link of it or of a file.</p>
      </div>
      <div className={styles.findField}>
        <RepoInput
          id="find-on-hub"
          text={text}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onPick={open}
          aria-describedby="find-on-hub-hint"
        />
        <Button type="submit" disabled={!text.trim()}>
          Continue
        </Button>
      </div>
    </form>
  )
}

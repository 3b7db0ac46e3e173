/** A model that lies on the server already, and what the form says where only curated models can be had. */
import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { describe, expect, it } from 'vitest'
import CreatePage from '../../src/create/create-page'
import { modelsQuery } from '../../src/api/models'
import EditPage from '../../src/create/edit-page'
import { aHub, aModel, renderPage } from '../make'
import { server } from '../server'
import { anApi, refusal } from './api'

const SOURCE = 'Folder or file on the server'
const path = () => screen.getByLabelText('Path')
const name = () => screen.getByLabelText('Name')
const create = () => screen.getByRole('button', { name: 'Create' })

async function openPath(typed = '') {
  history.replaceState(null, '', '/models/new')
  const user = userEvent.setup()
  const page = renderPage(<CreatePage />)
  await user.click(screen.getByRole('radio', { name: SOURCE }))
  if (typed) {
    await user.click(path())
    await user.paste(typed)
  }
  return { user, ...page }
}

describe('a folder or file on the server', () => {
  it('asks for its path alone: no repository, no token, no download', async () => {
    const { asked } = anApi()
    await openPath('/srv/models/house-style-7b.gguf')
    expect(screen.queryByLabelText('Repository')).not.toBeInTheDocument()
    expect(screen.queryByLabelText(/Hugging Face token/)).not.toBeInTheDocument()
    expect(screen.queryByLabelText('Download immediately')).not.toBeInTheDocument()
    expect(screen.queryByText('Advanced')).not.toBeInTheDocument()
    expect(name()).toHaveValue('house style 7b')
    const panel = within(screen.getByRole('complementary', { name: 'What happens' }))
    expect(panel.getByText(/stays where it is/)).toBeVisible()
    await waitFor(() => expect(create()).toBeEnabled())
    expect(asked('GET /api/hub/resolve')).toHaveLength(0)
  })

  it('is registered with its path and leads back to the list', async () => {
    const { asked } = anApi()
    server.use(
      http.post('*/api/models', () =>
        HttpResponse.json(aModel({ id: 3, name: 'House', source: 'path', hfRepo: null }), { status: 201 }),
      ),
    )
    const { user } = await openPath(' /srv/models/house/ ')
    await user.clear(name())
    await user.type(name(), 'House')
    await waitFor(() => expect(create()).toBeEnabled())
    await user.click(create())
    await waitFor(() => expect(location.pathname).toBe('/models'))
    expect(asked('POST /api/models').map(({ body }) => body)).toEqual([
      {
        type: 'local',
        name: 'House',
        category: 'llm',
        isActive: true,
        source: 'path',
        localPath: '/srv/models/house/',
      },
    ])
    expect(sessionStorage.getItem('weighbridge-draft-new')).toBeNull()
  })

  it('must be absolute', async () => {
    anApi()
    const { user } = await openPath('models/house.gguf')
    await user.tab()
    expect(await screen.findByText('An absolute path: it begins with /.')).toBeVisible()
    expect(create()).toBeDisabled()
  })

  it('that the API refuses says below the field what the operator must set', async () => {
    anApi()
    server.use(
      http.post('*/api/models', () =>
        refusal(
          422,
          'INVALID_LOCAL_PATH',
          'This installation allows no local paths: WEIGHBRIDGE_LOCAL_PATH_ROOTS is empty.',
          { remedy: 'Give a path inside one of the folders in WEIGHBRIDGE_LOCAL_PATH_ROOTS.' },
        ),
      ),
    )
    const { user } = await openPath('/srv/house.gguf')
    await waitFor(() => expect(create()).toBeEnabled())
    await user.click(create())
    await waitFor(() => expect(path()).toHaveAccessibleDescription(/WEIGHBRIDGE_LOCAL_PATH_ROOTS is empty/))
    expect(path()).toHaveFocus()
    expect(path()).toHaveValue('/srv/house.gguf')
    await user.type(path(), 'x')
    expect(screen.queryByText(/is empty/)).not.toBeInTheDocument()
  })

  it('is not held up by what the other source has wrong, and loses none of it', async () => {
    anApi()
    history.replaceState(null, '', '/models/new')
    const user = userEvent.setup()
    renderPage(<CreatePage />)
    await user.type(screen.getByLabelText('Repository'), 'two words')
    await user.type(screen.getByLabelText(/Hugging Face token/), 'a b')
    await user.click(screen.getByRole('radio', { name: SOURCE }))
    await user.type(path(), '/srv/house.gguf')
    await waitFor(() => expect(create()).toBeEnabled())
    await user.click(screen.getByRole('radio', { name: 'Hugging Face' }))
    expect(screen.getByLabelText('Repository')).toHaveValue('two words')
    expect(screen.getByRole('button', { name: 'Create and download' })).toBeDisabled()
    await user.click(screen.getByRole('radio', { name: SOURCE }))
    expect(path()).toHaveValue('/srv/house.gguf')
  })

  it('is kept in the draft', async () => {
    anApi()
    const { user, unmount } = await openPath('/srv/house.gguf')
    await user.tab()
    unmount()
    renderPage(<CreatePage />)
    expect(screen.getByRole('radio', { name: SOURCE })).toBeChecked()
    expect(path()).toHaveValue('/srv/house.gguf')
    expect(screen.getByText('Your draft is back')).toBeVisible()
  })

  it('gets a name of its own where its name is taken', async () => {
    anApi({ models: [aModel({ name: 'house' })] })
    const { queries } = await openPath()
    await waitFor(() => expect(queries.getQueryData(modelsQuery.queryKey)).toHaveLength(1))
    await userEvent.type(path(), '/srv/house.gguf')
    expect(name()).toHaveValue('house (2)')
  })

  it('only looked at is no change that is asked about', async () => {
    anApi()
    const { user } = await openPath()
    await user.click(screen.getByRole('button', { name: 'Cancel' }))
    await waitFor(() => expect(location.pathname).toBe('/models'))
  })
})

it('a registered path is edited by name and kind alone', async () => {
  const model = aModel({
    id: 3,
    name: 'House',
    source: 'path',
    hfRepo: null,
    modelFile: null,
    revision: null,
    localPath: '/srv/house.gguf',
    downloadStatus: 'Downloaded',
    downloaded: true,
  })
  const { asked } = anApi({ models: [model] })
  server.use(http.patch('*/api/models/3', () => HttpResponse.json({ ...model, name: 'Home' })))
  renderPage(<EditPage id={3} />)
  expect(await screen.findByText('/srv/house.gguf')).toBeVisible()
  expect(screen.queryByRole('radio', { name: SOURCE })).not.toBeInTheDocument()
  await userEvent.clear(name())
  await userEvent.type(name(), 'Home')
  const save = screen.getByRole('button', { name: /^Save/ })
  await waitFor(() => expect(save).toBeEnabled())
  await userEvent.click(save)
  await waitFor(() =>
    expect(asked('PATCH /api/models/3').map(({ body }) => body)).toEqual([{ name: 'Home' }]),
  )
})

describe('where only curated models can be had', () => {
  it('the form says so and leads to Discover', async () => {
    anApi()
    server.use(http.get('*/api/health', () => HttpResponse.json({ hub: aHub(), catalogOnly: true })))
    renderPage(<CreatePage />)
    expect(await screen.findByText('Only curated models can be downloaded here')).toBeVisible()
    await userEvent.click(screen.getByRole('link', { name: 'Choose in Discover' }))
    expect(location.pathname).toBe('/discover')
  })

  it('what lies on the server already is not meant', async () => {
    anApi()
    server.use(http.get('*/api/health', () => HttpResponse.json({ hub: aHub(), catalogOnly: true })))
    await openPath()
    await waitFor(() => expect(screen.queryByText(/Only curated models/)).not.toBeInTheDocument())
  })

  it('a refusal stands below the repository', async () => {
    anApi()
    server.use(
      http.post('*/api/models', () =>
        refusal(409, 'NOT_IN_CATALOG', 'It is not in the catalog.', { remedy: 'Choose a curated one.' }),
      ),
    )
    renderPage(<CreatePage />)
    const repository = screen.getByLabelText('Repository')
    await userEvent.click(repository)
    await userEvent.paste('unsloth/Qwen3-14B-GGUF')
    const submit = screen.getByRole('button', { name: 'Create and download' })
    await waitFor(() => expect(submit).toBeEnabled())
    await userEvent.click(submit)
    await waitFor(() =>
      expect(repository).toHaveAccessibleDescription('It is not in the catalog. Choose a curated one.'),
    )
  })
})

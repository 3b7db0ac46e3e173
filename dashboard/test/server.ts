/** An API in this process (MSW); each test adds the answers that it needs. */
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'

export const server = setupServer(
  // Most tests are about something else.
  http.get('*/api/featured-models', () =>
    HttpResponse.json({ models: [], lastUpdated: '2026-11-19T08:00:00+00:00' }),
  ),
)

// The conformance list through @bitrix24/b24jssdk, over TLS (it knows nothing else).
//
// Arguments: the URL under test, the certificate (which Node reads from NODE_EXTRA_CA_CERTS), the URL of
// the controls, and the folder that holds node_modules.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [url, , controlUrl, modules] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${modules}/`))
const { B24Hook } = require('@bitrix24/b24jssdk')

async function control (verb, name, body) {
  const answer = await fetch(`${controlUrl}/_simulator/${name}`, {
    method: verb,
    body: body === undefined ? undefined : JSON.stringify(body)
  })
  return await answer.json()
}

function expect (condition, detail) {
  if (!condition) throw new Error(detail)
}

/** The data of a result, or its errors as an exception. */
function got (result) {
  if (!result.isSuccess) throw new Error(result.getErrorMessages().join('; '))
  return result.getData()
}

async function expectError (act) {
  let answer
  try {
    answer = await act()
  } catch (error) {
    return `${error.name}: ${error.message}`.replace(/\s+/g, ' ').slice(0, 110)
  }
  throw new Error(`no error but ${JSON.stringify(answer)?.slice(0, 80)}`)
}

const ids = (rows, key = 'ID') => rows.map((row) => Number(row[key])).sort((a, b) => a - b)
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)

class Peer {
  constructor (path) {
    this.client = B24Hook.fromWebhookUrl(`${url}${path}`)
  }

  async all (select) {
    return got(await this.client.actions.v2.callList.make({ method: 'crm.company.list', params: { select } }))
  }

  async find (filter) {
    return got(await this.client.actions.v2.callList.make({ method: 'crm.company.list', params: { filter, select: ['*'] } }))
  }

  async get (id) {
    return await this.call('crm.company.get', { id })
  }

  async byIds (wanted) {
    const calls = wanted.map((id) => ['crm.company.get', { id }])
    return got(await this.client.actions.v2.batchByChunk.make({ calls, options: { isHaltOnError: true } }))
  }

  async call (method, params) {
    return got(await this.client.actions.v2.call.make({ method, params })).result
  }

  async items (select) {
    return got(await this.client.actions.v2.callList.make({
      method: 'crm.item.list',
      params: { entityTypeId: 4, select },
      idKey: 'id',
      customKeyForResult: 'items'
    }))
  }
}

const data = await control('GET', 'data')
const known = ids(data.companies)

function path (scope) {
  const hook = data.webhooks.find((one) => one.scopes.includes(scope) && one.active && !one.expires_at)
  return `/rest/${hook.user_id}/${hook.secret}/`
}

const peer = new Peer(path('user'))

const checks = {
  async paging () {
    const found = ids(await peer.all(['ID', 'TITLE']))
    expect(new Set(found).size === found.length, 'there are duplicates')
    expect(same(found, known), `${found.length} of ${known.length} rows`)
    return `${found.length} rows`
  },
  async get () {
    const wanted = data.companies[7]
    const answer = await peer.get(wanted.ID)
    for (const [field, value] of Object.entries(wanted)) {
      expect(same(answer[field], value), `${field} is ${JSON.stringify(answer[field])} instead of ${JSON.stringify(value)}`)
    }
    return `${Object.keys(answer).length} fields`
  },
  async batch_by_ids () {
    const wanted = known.slice(0, 120)
    const found = ids(await peer.byIds(wanted))
    expect(same(found, wanted), `${found.length} of ${wanted.length}`)
    return `${found.length} rows`
  },
  async filter_equality () {
    const wanted = data.companies[1234]
    const rows = await peer.find({ '=UF_CRM_COMPANY_ID': wanted.UF_CRM_COMPANY_ID })
    expect(same(ids(rows), [Number(wanted.ID)]), `found ${ids(rows)}`)
  },
  async filter_in () {
    const wanted = known.slice(10, 75).filter((_, at) => at % 5 === 0)
    const found = ids(await peer.find({ '@ID': wanted }))
    expect(same(found, wanted), `found ${found}`)
  },
  async filter_comparison () {
    const found = ids(await peer.find({ '>=ID': known[100], '<=ID': known[260] }))
    expect(same(found, known.slice(100, 261)), `${found.length} rows`)
    return `${found.length} rows`
  },
  async filter_contains () {
    const found = ids(await peer.find({ '%TITLE': 'hàng 77 ' }))
    const wanted = ids(data.companies.filter((row) => row.TITLE.includes('hàng 77 ')))
    expect(wanted.length > 0 && same(found, wanted), `found ${found} instead of ${wanted}`)
  },
  async write () {
    const made = Number(await peer.call('crm.company.add', { fields: { TITLE: 'Tiệm & Bạn', ORIGIN_ID: 'peer' } }))
    try {
      expect(made > known.at(-1), `the new company is ${made}`)
      await peer.call('crm.company.update', { id: made, fields: { ORIGIN_ID: '100% sure' } })
      const rows = await peer.find({ '=ORIGIN_ID': '100% sure' })
      expect(same(ids(rows), [made]), `found ${ids(rows)}`)
      expect((await peer.get(made)).TITLE === 'Tiệm & Bạn', 'the title changed on its way')
    } finally {
      await peer.call('crm.company.delete', { id: made })
    }
  },
  async items () {
    const rows = await peer.items(['id', 'title'])
    expect(same(ids(rows, 'id'), known), `${rows.length} of ${known.length} rows`)
    expect(rows.every((row) => typeof row.id === 'number'), 'an id is no number')
  },
  async users () {
    const [user] = await peer.call('user.get', { ID: 338 })
    expect(user.ACTIVE === true && user.EMAIL, `got ${JSON.stringify(user)}`)
  },
  async not_found () {
    return await expectError(() => peer.get(known.at(-1) + 1000))
  },
  async bad_method () {
    return await expectError(() => peer.call('crm.company.frobnicate', {}))
  },
  async wrong_secret () {
    return await expectError(() => new Peer('/rest/1/guessed0secret/').get(known[0]))
  },
  async insufficient_scope () {
    return await expectError(() => new Peer(path('user_basic')).get(known[0]))
  },
  async request_limit () {
    await control('PUT', 'limits', { requests: { burst: 10, per_second: 10 }, operating: null })
    await control('DELETE', 'journal')
    const other = new Peer(path('user'))
    let good = 0
    const errors = []
    for (const company of known.slice(0, 25)) {
      try {
        const answer = await other.get(company)
        good += Number(answer.ID) === company
      } catch (error) {
        errors.push(error.message)
      }
    }
    const { counts } = await control('GET', 'stats')
    expect(counts.query_limit_refusals > 0, 'the portal refused nothing')
    expect(good >= 10, `only ${good} came through, errors [${[...new Set(errors)]}]`)
    return `${good} of 25 came through, ${counts.query_limit_refusals} refusals, errors [${[...new Set(errors)]}]`
  },
  async operating_limit () {
    const operating = { limit_seconds: 1, cost_ms: { 'crm.company.get': 600 } }
    await control('PUT', 'limits', { requests: null, operating })
    const other = new Peer(path('user'))
    await other.get(known[0])
    await other.get(known[1])
    const detail = await expectError(() => other.get(known[2]))
    expect(await other.call('crm.company.fields', {}), 'another method is blocked too')
    const { counts } = await control('GET', 'stats')
    expect(counts.operation_time_refusals > 0, 'the portal refused nothing')
    return detail
  }
}

let failed = false
const off = { requests: null, operating: null }
await control('PUT', 'limits', off)
const listed = JSON.parse(readFileSync(new URL('conformance.json', import.meta.url)))
for (const [name, what] of listed) {
  const started = performance.now()
  let word = 'ok    '
  let detail
  try {
    detail = await checks[name]() ?? ''
  } catch (error) {
    word = 'FAILED'
    detail = `${what}: ${error.name}: ${error.message}`.replace(/\s+/g, ' ').slice(0, 300)
    failed = true
  }
  await control('PUT', 'limits', off)
  console.log(`${word} ${name} ${detail} (${((performance.now() - started) / 1000).toFixed(2)} s)`)
}
process.exit(failed ? 1 : 0)

// Calls the service at argv[2] through dicomweb-client, as a viewer in a browser does.
// argv[3..]: DICOM files of one series, the first with several frames. Prints what came back as one JSON object.

const fs = require('fs')
const { createHash } = require('crypto')
const BareRequest = require('xhr2')

// A browser adds this header to each request that has none (Fetch standard, HTTP-network-or-cache fetch).
global.XMLHttpRequest = class extends BareRequest {
  setRequestHeader (name, value) {
    this.hasAccept = this.hasAccept || name.toLowerCase() === 'accept'
    super.setRequestHeader(name, value)
  }

  send (data) {
    if (!this.hasAccept) super.setRequestHeader('Accept', '*/*')
    super.send(data)
  }
}

const { api } = require('dicomweb-client')

const [url, ...paths] = process.argv.slice(2)
const files = paths.map(path => fs.readFileSync(path))
const digest = bytes => createHash('sha256').update(Buffer.from(bytes)).digest('hex')
const anySyntax = mediaType => [{ mediaType, transferSyntaxUID: '*' }]
const value = (dataset, tag) => dataset[tag].Value[0]
const outcome = promise => promise.then(() => 200, error => error.status)

async function main () {
  const client = new api.DICOMwebClient({ url, headers: {}, singlepart: '' })
  const datasets = files.map(file => file.buffer.slice(file.byteOffset, file.byteOffset + file.length))
  const stored = JSON.parse(await client.storeInstances({ datasets }))
  const items = stored['00081199'].Value
  const studyInstanceUID = value(items[0], '00081190').split('/studies/')[1].split('/')[0]
  const seriesInstanceUID = value(items[0], '00081190').split('/series/')[1].split('/')[0]
  const series = { studyInstanceUID, seriesInstanceUID }
  const instance = { ...series, sopInstanceUID: value(items[0], '00081155') }
  // The client takes no transfer syntax for whole instances; its users add a header, which XMLHttpRequest joins to its own.
  const asStored = new api.DICOMwebClient({
    url, headers: { Accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' }
  })
  const frames = { ...instance, frameNumbers: [2, 1] }
  return {
    stored: items.map(item => value(item, '00081155')),
    storedAgain: await outcome(client.storeInstances({ datasets, studyInstanceUID })),
    studies: (await client.searchForStudies({ queryParams: { StudyInstanceUID: studyInstanceUID } })).length,
    series: (await client.searchForSeries({ studyInstanceUID })).length,
    instances: (await client.searchForInstances({ ...series, queryParams: { limit: 1 } })).length,
    nothingFound: (await client.searchForStudies({ queryParams: { PatientID: 'nobody' } })).length,
    studyMetadata: (await client.retrieveStudyMetadata({ studyInstanceUID })).map(found => value(found, '00080018')),
    seriesMetadata: (await client.retrieveSeriesMetadata(series)).length,
    instanceMetadata: value((await client.retrieveInstanceMetadata(instance))[0], '00080018'),
    instance: digest(await asStored.retrieveInstance(instance)),
    instanceByDefault: digest(await client.retrieveInstance(instance)),
    seriesByDefault: await outcome(client.retrieveSeries(series)),
    wholeSeries: (await asStored.retrieveSeries(series)).map(digest),
    wholeStudy: (await asStored.retrieveStudy({ studyInstanceUID })).map(digest),
    frames: (await client.retrieveInstanceFrames(frames)).map(digest),
    framesAsStored: (await client.retrieveInstanceFrames({ ...frames, mediaTypes: anySyntax('application/octet-stream') }))
      .map(digest),
    jpeg2000: Buffer.from((await client.retrieveInstanceFrames({
      ...frames, mediaTypes: [{ mediaType: 'image/jp2', transferSyntaxUID: '1.2.840.10008.1.2.4.90' }]
    }))[0]).toString('hex', 0, 4),
    png: Buffer.from((await client.retrieveInstanceRendered({ ...instance, mediaTypes: [{ mediaType: 'image/png' }] }))[0])
      .toString('latin1', 1, 4),
    jpeg: Buffer.from((await client.retrieveInstanceFramesRendered({
      ...frames, frameNumbers: [2], mediaTypes: [{ mediaType: 'image/jpeg' }]
    }))[0]).toString('hex', 0, 2),
    unknownInstance: await outcome(client.retrieveInstance({ ...instance, sopInstanceUID: '1.2.3' }))
  }
}

main().then(
  results => console.log(JSON.stringify(results)),
  error => { console.error(error, error.request && error.request.responseURL); process.exit(1) }
)

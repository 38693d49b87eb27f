package crawl

// reasonSample is why an entity is read again that nobody doubts.
const reasonSample = "sample"

// samplePrefix begins the correlation of what the sample found.
const samplePrefix = "sample:"

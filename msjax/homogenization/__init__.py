"""From a microstructure to the response of the whole: volume elements, bounds, ensembles."""

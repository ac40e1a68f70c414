"""When networks memorise and generalise, predicted without training them; each module says what it neglects."""

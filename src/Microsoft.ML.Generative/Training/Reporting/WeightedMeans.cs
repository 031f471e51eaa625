using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Means of named values, each weighted by the batch that it comes from.</summary>
internal sealed class WeightedMeans
{
    private const double NothingLeft = 1e-30;

    private readonly Dictionary<string, MeterTerm> _terms = [];

    /// <summary>The sums so far.</summary>
    public Dictionary<string, MeterTerm> State => new(_terms);

    /// <summary>The means by name, in the order in which the names came.</summary>
    public Dictionary<string, double> Means => _terms.ToDictionary(t => t.Key, t => t.Value.Sum / t.Value.Weight);

    public void Add(string name, double value, double weight)
    {
        MeterTerm term = _terms.GetValueOrDefault(name);
        _terms[name] = new MeterTerm(term.Sum + value * weight, term.Weight + weight);
    }

    public void Resume(Dictionary<string, MeterTerm> state)
    {
        foreach (var (name, term) in state)
            _terms[name] = term;
    }

    /// <summary>Lets what there is count less beside what comes.</summary>
    public void Decay(double factor)
    {
        foreach ((string name, MeterTerm term) in _terms)
        {
            // What comes next weighs so much more that nothing is left of it.
            if (term.Weight * factor < NothingLeft)
                _terms.Remove(name);
            else
                _terms[name] = new MeterTerm(term.Sum * factor, term.Weight * factor);
        }
    }

    public void Clear() => _terms.Clear();
}

using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Images.Diffusion.Alignment;

/// <summary>
/// Turns rewards into advantages: how much better an image is than others of its class, in standard deviations (Black et al. 2023, section
/// 5.2; the tracker of ddpo-pytorch).
/// </summary>
/// <param name="size">Rewards that are remembered of each class; 0: rewards are compared with those of their roll-out.</param>
internal sealed class RewardStatistics(int size)
{
    // Those of ddpo-pytorch, with and without statistics of classes.
    private const double ClassEpsilon = 1e-6;
    private const double BatchEpsilon = 1e-8;

    private readonly SortedDictionary<long, Queue<double>> _rewards = [];

    /// <summary>The advantages of a roll-out's images; its rewards are remembered first.</summary>
    /// <param name="rewards">The rewards.</param>
    /// <param name="labels">The classes; <see langword="null"/> for a model without.</param>
    public double[] Advantages(IReadOnlyList<double> rewards, IReadOnlyList<long>? labels)
    {
        (double mean, double deviation) all = Moments(rewards);
        if (labels is null || size == 0)
            return [.. rewards.Select(r => (r - all.mean) / (all.deviation + BatchEpsilon))];

        for (int i = 0; i < rewards.Count; i++)
        {
            if (!_rewards.TryGetValue(labels[i], out Queue<double>? known))
                _rewards.Add(labels[i], known = new Queue<double>());
            known.Enqueue(rewards[i]);
            if (known.Count > size)
                known.Dequeue();
        }

        // A class of which little is known yet is compared with all others.
        Dictionary<long, (double Mean, double Deviation)> moments = labels.Distinct().ToDictionary(
            label => label, label => _rewards[label].Count < size ? all : Moments(_rewards[label]));
        return [.. rewards.Select((r, i) => (r - moments[labels[i]].Mean) / (moments[labels[i]].Deviation + ClassEpsilon))];
    }

    /// <summary>Mean and standard deviation (of the values themselves, not of what they are a sample of).</summary>
    public static (double Mean, double Deviation) Moments(IReadOnlyCollection<double> values)
    {
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / values.Count));
    }

    public JsonObject Save() => new(_rewards.Select(known => KeyValuePair.Create(
        $"{known.Key}", (JsonNode?)new JsonArray([.. known.Value.Select(reward => JsonValue.Create(reward))]))));

    public void Restore(JsonObject state)
    {
        _rewards.Clear();
        foreach ((string label, JsonNode? rewards) in state)
            _rewards.Add(long.Parse(label), new Queue<double>(rewards!.AsArray().Select(reward => (double)reward!)));
    }
}

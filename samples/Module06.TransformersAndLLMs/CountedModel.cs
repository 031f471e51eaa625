namespace Module06;

/// <summary>A language model that only counts: the probability of a character given the characters before it.</summary>
internal static class CountedModel
{
    /// <summary>−log p(character) in nats, averaged over a text.</summary>
    /// <param name="train">The training text.</param>
    /// <param name="text">The text to score.</param>
    /// <param name="order">The number of characters before it that count, 0 or more.</param>
    public static double Loss(string train, string text, int order)
    {
        int characters = train.Concat(text).Distinct().Count();
        Dictionary<string, int> contexts = [], all = [];
        for (int i = order; i < train.Length; i++)
        {
            Add(contexts, train.Substring(i - order, order));
            Add(all, train.Substring(i - order, order + 1));
        }

        double sum = 0;
        for (int i = order; i < text.Length; i++)
        {
            // A tenth of a count for each character, so that no probability is 0.
            double seen = all.GetValueOrDefault(text.Substring(i - order, order + 1)) + 0.1;
            sum -= Math.Log(seen / (contexts.GetValueOrDefault(text.Substring(i - order, order)) + 0.1 * characters));
        }

        return sum / (text.Length - order);
    }

    private static void Add(Dictionary<string, int> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;
}

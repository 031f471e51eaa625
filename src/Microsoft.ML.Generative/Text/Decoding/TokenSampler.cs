using System.Numerics.Tensors;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Samples a token from logits. Works in buffers of its own, so that a token costs no memory.</summary>
internal sealed class TokenSampler
{
    // Most texts need no more of the most probable tokens to reach a TopP; where they do, all are sorted.
    private const int FirstCandidates = 256;

    // Probabilities that are added up first, so that the place of a number among many is found without looking at most of them.
    private const int Block = 256;

    private readonly TextGenerationOptions _options;
    private readonly int[] _tokens;
    private readonly float[] _sortKeys;
    private readonly double[] _probabilities;
    private readonly double[] _blockSums;

    public TokenSampler(TextGenerationOptions options, int vocabularySize)
    {
        _options = options;
        // Without filters, they stay in this order.
        _tokens = [.. Enumerable.Range(0, vocabularySize)];
        _sortKeys = new float[vocabularySize];
        _probabilities = new double[vocabularySize];
        _blockSums = new double[(vocabularySize + Block - 1) / Block];
    }

    private bool HasFilters => _options.TopK is not null || _options.TopP < 1 || _options.MinP > 0 || _options.TypicalP < 1;

    /// <summary>The token at a place of the distribution; at temperature 0 the first of the most probable.</summary>
    /// <param name="logits">Adjusted logits of the vocabulary; they are changed.</param>
    /// <param name="uniform">A uniform number of 0 to below 1.</param>
    public int Choose(Span<float> logits, double uniform)
    {
        if (_options.Temperature == 0)
            return TensorPrimitives.IndexOfMax(logits);
        int kept = Filter(logits), blocks = (kept + Block - 1) / Block;
        double sum = 0;
        for (int i = 0; i < blocks; i++)
            sum += _blockSums[i] = TensorPrimitives.Sum<double>(_probabilities.AsSpan(i * Block, Math.Min(Block, kept - i * Block)));
        double threshold = uniform * sum, reached = 0;
        int block = 0;
        while (block < blocks - 1 && reached + _blockSums[block] <= threshold)
            reached += _blockSums[block++];
        int chosen = block * Block;
        reached += _probabilities[chosen];
        // Rounding may leave the last sum a little below the whole.
        while (reached <= threshold && chosen < kept - 1)
            reached += _probabilities[++chosen];
        while (_probabilities[chosen] == 0 && chosen > 0)
            chosen--;
        return _tokens[chosen];
    }

    /// <summary>The probabilities that tokens are sampled with.</summary>
    public double[] Distribution(Span<float> logits)
    {
        double[] all = new double[logits.Length];
        if (_options.Temperature == 0)
        {
            all[TensorPrimitives.IndexOfMax(logits)] = 1;
            return all;
        }

        int kept = Filter(logits);
        double sum = _probabilities.AsSpan(0, kept).ToArray().Sum();
        for (int i = 0; i < kept; i++)
            all[_tokens[i]] = _probabilities[i] / sum;
        return all;
    }

    // Leaves the tokens that may be sampled, and their probabilities up to a factor, at the beginning of the buffers.
    private int Filter(Span<float> logits)
    {
        if (_options.Temperature != 1)
            TensorPrimitives.Multiply(logits, (float)(1 / _options.Temperature), logits);
        float highest = TensorPrimitives.Max(logits);
        if (!HasFilters)
        {
            ExponentiateAll(logits, highest);
            return logits.Length;
        }

        int kept = _options.TopK is { } k ? Math.Min(k, logits.Length) : logits.Length;
        if (kept < logits.Length || _options.TypicalP < 1)
        {
            SelectHighest(logits, kept);
            kept = WithEqualToLast(logits, kept);
            Exponentiate(logits, kept, highest);
            kept = TopP(kept, Sum(kept));
        }
        else
        {
            // The mass is that of all tokens; the candidates are only as many as it takes.
            ExponentiateAll(logits, highest);
            double mass = TensorPrimitives.Sum<double>(_probabilities.AsSpan(0, logits.Length));
            int candidates = Math.Min(FirstCandidates, logits.Length);
            SelectHighest(logits, candidates);
            Exponentiate(logits, candidates, highest);
            kept = TopP(candidates, mass);
            bool isCertain = kept < candidates || (_options.MinP > 0 && _probabilities[candidates - 1] < _options.MinP);
            if (!isCertain && candidates < logits.Length)
            {
                SelectHighest(logits, logits.Length);
                Exponentiate(logits, logits.Length, highest);
                kept = TopP(logits.Length, mass);
            }
        }

        if (_options.MinP > 0)
        {
            double lowest = _options.MinP * _probabilities[0];
            while (_probabilities[kept - 1] < lowest)
                kept--;
        }

        return _options.TypicalP < 1 ? Typical(kept) : kept;
    }

    // The most probable first; of equal ones the first in the vocabulary.
    private void SelectHighest(ReadOnlySpan<float> logits, int count)
    {
        if (count == logits.Length)
        {
            for (int i = 0; i < count; i++)
                (_tokens[i], _sortKeys[i]) = (i, -logits[i]);
            SortStable(count);
            return;
        }

        var lowestFirst = new PriorityQueue<int, (float Logit, int Later)>(count);
        float bound = float.NegativeInfinity;
        for (int i = 0; i < logits.Length; i++)
        {
            if (lowestFirst.Count < count)
                lowestFirst.Enqueue(i, (logits[i], -i));
            else if (logits[i] > bound)
                lowestFirst.EnqueueDequeue(i, (logits[i], -i));
            else
                continue;
            if (lowestFirst.Count == count && lowestFirst.TryPeek(out _, out var lowest))
                bound = lowest.Logit;
        }

        for (int i = count - 1; i >= 0; i--)
            _tokens[i] = lowestFirst.Dequeue();
    }

    // TopK is a bound of the logits: those equal to the last are kept, too. Of equal ones, the first are selected already.
    private int WithEqualToLast(ReadOnlySpan<float> logits, int kept)
    {
        int last = _tokens[kept - 1];
        for (int i = last + 1; i < logits.Length && kept < logits.Length && logits[last] > float.NegativeInfinity; i++)
        {
            if (logits[i] == logits[last])
                _tokens[kept++] = i;
        }

        return kept;
    }

    private void SortStable(int count)
    {
        Span<float> keys = _sortKeys.AsSpan(0, count);
        Span<int> tokens = _tokens.AsSpan(0, count);
        keys.Sort(tokens);
        for (int start = 0; start < count;)
        {
            int end = start + 1;
            while (end < count && keys[end] == keys[start])
                end++;
            tokens[start..end].Sort();
            start = end;
        }
    }

    private void ExponentiateAll(ReadOnlySpan<float> logits, float highest)
    {
        Span<float> differences = _sortKeys.AsSpan(0, logits.Length);
        Span<double> probabilities = _probabilities.AsSpan(0, logits.Length);
        TensorPrimitives.Subtract(logits, highest, differences);
        TensorPrimitives.ConvertTruncating<float, double>(differences, probabilities);
        TensorPrimitives.Exp<double>(probabilities, probabilities);
    }

    private void Exponentiate(ReadOnlySpan<float> logits, int count, float highest)
    {
        for (int i = 0; i < count; i++)
            _probabilities[i] = Math.Exp(logits[_tokens[i]] - highest);
    }

    private double Sum(int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += _probabilities[i];
        return sum;
    }

    // The fewest whose mass reaches TopP; compared as floats, which the probabilities come from.
    private int TopP(int count, double mass)
    {
        if (_options.TopP >= 1)
            return count;
        double reached = 0;
        for (int i = 0; i < count; i++)
        {
            reached += _probabilities[i] / mass;
            if ((float)reached >= (float)_options.TopP)
                return i + 1;
        }

        return count;
    }

    private int Typical(int count)
    {
        double mass = Sum(count), entropy = 0;
        for (int i = 0; i < count; i++)
        {
            double p = _probabilities[i] / mass;
            if (p > 0)
                entropy -= p * Math.Log(p);
        }

        double[] keys = new double[count];
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
            (keys[i], order[i]) = (Math.Abs(-Math.Log(_probabilities[i] / mass) - entropy), i);
        Array.Sort(keys, order);

        double reached = 0;
        int last = 0;
        for (; last < count - 1; last++)
        {
            reached += _probabilities[order[last]] / mass;
            if ((float)reached >= (float)_options.TypicalP)
                break;
        }

        // With those that are as typical as the last.
        int kept = 0;
        HashSet<int> chosen = [];
        for (int i = 0; i < count && (i <= last || keys[i] <= keys[last] + 1e-9); i++)
            chosen.Add(order[i]);
        for (int i = 0; i < count; i++)
        {
            if (chosen.Contains(i))
                (_tokens[kept], _probabilities[kept++]) = (_tokens[i], _probabilities[i]);
        }

        return kept;
    }
}

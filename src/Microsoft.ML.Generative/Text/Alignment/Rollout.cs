using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>A number for each token of a completion.</summary>
internal enum TokenValue
{
    /// <summary>log π of the policy that sampled it.</summary>
    Old,

    /// <summary>log π_ref.</summary>
    Reference,

    /// <summary>How much better it was than expected.</summary>
    Advantage,

    /// <summary>What was expected before it.</summary>
    Value,

    /// <summary>What came of it.</summary>
    Return,
}

/// <summary>Completions of prompts by a policy, with all that a training has to know of them.</summary>
internal sealed class Rollout
{
    private const string TokensName = "tokens";
    private const string RowsName = "rows";

    private readonly Dictionary<TokenValue, float[][]> _values = [];

    /// <param name="tokens">Of each completion, the tokens with those of its prompt, and the token that ends it if it has ended.</param>
    /// <param name="promptTokens">The tokens of the prompts.</param>
    /// <param name="isLearned">Which completions are learned.</param>
    public Rollout(int[][] tokens, int[] promptTokens, bool[] isLearned) =>
        (Tokens, PromptTokens, IsLearned) = (tokens, promptTokens, isLearned);

    public int[][] Tokens { get; }

    public int[] PromptTokens { get; }

    public bool[] IsLearned { get; }

    public int Count => Tokens.Length;

    /// <summary>What is reported of the roll-out.</summary>
    public List<(string Name, double Value)> Figures { get; init; } = [];

    /// <summary>Tokens of a completion.</summary>
    public int TokensOf(int row) => Tokens[row].Length - PromptTokens[row];

    /// <summary>The numbers of each completion's tokens.</summary>
    public float[][] this[TokenValue kind]
    {
        get => _values[kind];
        set => _values[kind] = value;
    }

    /// <summary>Gives all tokens of a completion the same number.</summary>
    public void SetAll(TokenValue value, ReadOnlySpan<float> ofCompletions)
    {
        var all = new float[Count][];
        for (int row = 0; row < Count; row++)
        {
            all[row] = new float[TokensOf(row)];
            all[row].AsSpan().Fill(ofCompletions[row]);
        }

        this[value] = all;
    }

    /// <summary>log π − log π_ref of the policy that sampled, for each token.</summary>
    public float[][] LogRatios() => [.. this[TokenValue.Old].Zip(this[TokenValue.Reference], (old, reference) =>
        old.Zip(reference, (a, b) => a - b).ToArray())];

    /// <summary>
    /// Sequences and targets [rows, time], a mask of the targets that count [rows, time], and the numbers of the tokens, [rows, time] each
    /// in the order of <see cref="TokenValue"/>. Sequences are filled up at their end, so that positions are those of the sampling.
    /// </summary>
    public RolloutBatch Batch(int[] rows, torch.Device device)
    {
        int time = 1;
        foreach (int row in rows)
            time = Math.Max(time, Tokens[row].Length - 1);
        long[] sequences = new long[rows.Length * time], targets = new long[rows.Length * time];
        float[] mask = new float[rows.Length * time];
        Array.Fill(targets, LanguageModelNetwork.NoTarget);
        TokenValue[] kinds = [.. _values.Keys.Order()];
        float[][] values = [.. kinds.Select(_ => new float[rows.Length * time])];
        for (int i = 0; i < rows.Length; i++)
        {
            int row = rows[i], first = PromptTokens[row] - 1;
            for (int t = 0; t < Tokens[row].Length - 1; t++)
                sequences[i * time + t] = Tokens[row][t];
            for (int t = 0; t < TokensOf(row); t++)
            {
                targets[i * time + first + t] = Tokens[row][first + 1 + t];
                mask[i * time + first + t] = IsLearned[row] ? 1 : 0;
                for (int k = 0; k < kinds.Length; k++)
                    values[k][i * time + first + t] = this[kinds[k]][row][t];
            }
        }

        long[] shape = [rows.Length, time];
        return new RolloutBatch(
            torch.tensor(sequences, shape, device: device), torch.tensor(targets, shape, device: device),
            torch.tensor(mask, shape, device: device),
            kinds.Zip(values).ToDictionary(v => v.First, v => torch.tensor(v.Second, shape, device: device)));
    }

    /// <summary>The numbers of the tokens of some completions, out of a tensor [rows, time] as <see cref="Batch"/> makes them.</summary>
    public IEnumerable<float[]> Cut(int[] rows, torch.Tensor values)
    {
        int time = (int)values.size(1);
        float[] all = TensorMemory.ToArray<float>(values);
        return rows.Select((row, i) => all.AsSpan(i * time + PromptTokens[row] - 1, TokensOf(row)).ToArray());
    }

    /// <summary>All of it, for a checkpoint.</summary>
    public (JsonArray Figures, Dictionary<string, torch.Tensor> Tensors) Save()
    {
        var tensors = new Dictionary<string, torch.Tensor>(StringComparer.Ordinal)
        {
            [TokensName] = torch.tensor(Tokens.SelectMany(t => t).ToArray()),
            [RowsName] = torch.tensor(
                Enumerable.Range(0, Count)
                    .SelectMany(row => (long[])[Tokens[row].Length, PromptTokens[row], IsLearned[row] ? 1 : 0]).ToArray(), [Count, 3]),
        };
        foreach ((TokenValue value, float[][] all) in _values)
            tensors[value.ToString()] = torch.tensor(all.SelectMany(v => v).ToArray());
        return ([.. Figures.Select(f => (JsonNode)new JsonObject { ["name"] = f.Name, ["value"] = f.Value })], tensors);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is not such a state.</exception>
    public static Rollout Restore(JsonArray figures, IReadOnlyDictionary<string, torch.Tensor> tensors)
    {
        try
        {
            long[] rows = TensorMemory.ToArray<long>(tensors[RowsName]);
            int count = rows.Length / 3;
            int[] all = TensorMemory.ToArray<int>(tensors[TokensName]);
            int[][] tokens = Cut(all, count, row => (int)rows[3 * row]);
            var rollout = new Rollout(
                tokens, [.. Enumerable.Range(0, count).Select(row => (int)rows[3 * row + 1])],
                [.. Enumerable.Range(0, count).Select(row => rows[3 * row + 2] != 0)])
            {
                Figures = [.. figures.Select(f => (f!["name"]!.GetValue<string>(), f["value"]!.GetValue<double>()))],
            };
            foreach (TokenValue value in Enum.GetValues<TokenValue>())
            {
                if (tensors.TryGetValue(value.ToString(), out torch.Tensor? values))
                    rollout[value] = Cut(TensorMemory.ToArray<float>(values), count, rollout.TokensOf);
            }

            return rollout;
        }
        catch (Exception e) when (e is KeyNotFoundException or ArgumentException or InvalidOperationException or NullReferenceException)
        {
            throw new InvalidDataException("The checkpoint's roll-out is not valid.", e);
        }
    }

    private static T[][] Cut<T>(T[] all, int count, Func<int, int> length)
    {
        var parts = new T[count][];
        int start = 0;
        for (int row = 0; row < count; row++)
        {
            parts[row] = all.AsSpan(start, length(row)).ToArray();
            start += parts[row].Length;
        }

        return parts;
    }
}

/// <summary>Some completions of a roll-out as tensors, [rows, time] each.</summary>
/// <param name="Sequences">Int64.</param>
/// <param name="Targets">Int64; <see cref="LanguageModelNetwork.NoTarget"/> in prompts and behind the ends.</param>
/// <param name="Mask">1 at the targets that count.</param>
/// <param name="Values">The numbers of the tokens.</param>
internal sealed record RolloutBatch(
    torch.Tensor Sequences, torch.Tensor Targets, torch.Tensor Mask, IReadOnlyDictionary<TokenValue, torch.Tensor> Values)
{
    private static readonly TokenValue[] _kinds = Enum.GetValues<TokenValue>();

    public torch.Tensor this[TokenValue value] => Values[value];

    /// <summary>As the training loop takes it; which numbers there are is the same in all batches of a training.</summary>
    /// <param name="figures">What is reported, [figures].</param>
    /// <param name="weight">What the batch counts.</param>
    /// <param name="tokens">The tokens that are learned.</param>
    public TensorBatch ToBatch(torch.Tensor figures, long weight, long tokens) => new(
        (int)Sequences.size(0), [Sequences, Targets, Mask, figures, .. _kinds.Where(Values.ContainsKey).Select(kind => Values[kind])])
    {
        Weight = weight,
        Samples = tokens,
    };

    /// <param name="batch">What <see cref="ToBatch"/> made.</param>
    /// <param name="kinds">The numbers that the training has, in the order of <see cref="TokenValue"/>.</param>
    public static RolloutBatch Of(TensorBatch batch, IReadOnlyList<TokenValue> kinds) => new(
        batch[0], batch[1], batch[2], kinds.Select((kind, i) => (kind, i)).ToDictionary(k => k.kind, k => batch[4 + k.i]));
}

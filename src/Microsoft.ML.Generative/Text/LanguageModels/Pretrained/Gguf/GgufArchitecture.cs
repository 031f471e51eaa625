using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>The architecture of a network as llama.cpp names it, in the metadata and the tensors of a GGUF file.</summary>
internal static class GgufArchitecture
{
    /// <summary>The factors that rotary frequencies are divided by, where they are not all the same.</summary>
    public const string FrequencyFactors = "rope_freqs.weight";

    public const string Embedding = "token_embd.weight";
    public const string Output = "output.weight";

    // llama.cpp knows Mistral's models as this.
    private const string Llama = "llama";
    private const string Qwen2 = "qwen2";
    private const double LargestDifference = 1e-3;

    /// <summary>Whether a file has the rows of queries and keys in pairs that are rotated, rather than in halves.</summary>
    public static bool HasPairs(string architecture) => architecture == Llama;

    /// <exception cref="InvalidDataException">
    /// The model is of another kind, or has what this library does not have; the message names it.
    /// </exception>
    public static (string Name, LanguageModelArchitecture Architecture) Read(GgufFile file)
    {
        GgufMetadata data = file.Metadata;
        string name = data.Text(GgufMetadata.ArchitectureName) ?? throw data.Missing(GgufMetadata.ArchitectureName);
        if (name is not (Llama or Qwen2))
        {
            throw data.Bad(
                $"'{GgufMetadata.ArchitectureName}' is {Quoted.Text(name)}; supported values: {Llama} (Mistral's models too), {Qwen2}");
        }

        if (data.Count(Key("expert_count")) is > 0 and var experts)
            throw data.Bad($"it is a mixture of {experts} experts, which is not supported");
        int width = Needed("embedding_length"), heads = Needed("attention.head_count");
        if (heads == 0)
            throw data.Bad($"'{Key("attention.head_count")}' is 0");
        int? size = data.Count(Key("attention.key_length"));
        if (size is not null && data.Count(Key("attention.value_length")) is { } values && values != size)
            throw data.Bad($"keys have {size} values and values {values}, which is not supported");
        int actualSize = size ?? width / heads;
        if (data.Count(Key("rope.dimension_count")) is { } rotated && rotated != actualSize)
            throw data.Bad($"{rotated} of the {actualSize} values of a head are rotated; only all is supported");
        (long tokens, long columns) = file.Tensors.TryGetValue(Embedding, out GgufTensor? embedding) && embedding.Shape.Length == 2
            ? (embedding.Shape[0], embedding.Shape[1])
            : throw data.Bad($"it has no tensor '{Embedding}' of two dimensions");
        if (columns != width || tokens > int.MaxValue)
            throw data.Bad($"tensor '{Embedding}' is {embedding.Describe()}; expected rows of {width}");
        var architecture = LanguageModelArchitecture.Llama2 with
        {
            VocabularySize = (int)tokens,
            ContextLength = Needed("context_length"),
            Layers = Needed("block_count"),
            Heads = heads,
            KeyValueHeads = data.Count(Key("attention.head_count_kv")) ?? heads,
            EmbeddingSize = width,
            HeadSize = size == width / heads && width % heads == 0 ? null : size,
            FeedForwardSize = Needed("feed_forward_length"),
            RotaryBase = data.Number(Key("rope.freq_base")) ?? 10_000,
            NormEpsilon = data.Number(Key("attention.layer_norm_rms_epsilon"))
                is { } epsilon ? Rounded(epsilon) : throw data.Missing(Key("attention.layer_norm_rms_epsilon")),
            HasQueryKeyValueBias = Has("blk.0.attn_q.bias"),
            HasBias = Has("blk.0.attn_output.bias"),
            TieEmbeddings = !Has(Output),
            SlidingWindow = data.Count(Key("attention.sliding_window")) is > 0 and var window ? window : null,
        };
        architecture = architecture with { RotaryScaling = Scaling(file, name, architecture) };
        try
        {
            architecture.Validate();
        }
        catch (Exception e) when (e is ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"'{file.Path}' describes no model: {Quoted.Message(e)}", e);
        }

        return (name, architecture);

        string Key(string key) => $"{name}.{key}";

        int Needed(string key) => data.Count(Key(key)) ?? throw data.Missing(Key(key));

        bool Has(string tensor) => file.Tensors.ContainsKey(tensor);
    }

    /// <summary>Writes an architecture.</summary>
    /// <returns>llama.cpp's name for it.</returns>
    /// <exception cref="NotSupportedException">llama.cpp has no such model.</exception>
    public static string Write(GgufWriter writer, LanguageModelArchitecture a)
    {
        HuggingFaceConfig config = HuggingFaceConfig.Of(a);
        if (config.IsGpt2)
            throw new NotSupportedException("GGUF files are written of models with rotary positions; this one has learned positions.");
        string name = a.HasQueryKeyValueBias && !a.HasBias ? Qwen2 : Llama;
        writer.Add(GgufMetadata.ArchitectureName, name);
        Add("vocab_size", a.VocabularySize);
        Add("context_length", a.ContextLength);
        Add("embedding_length", a.EmbeddingSize);
        Add("block_count", a.Layers);
        Add("feed_forward_length", a.ActualFeedForwardSize);
        Add("attention.head_count", a.Heads);
        Add("attention.head_count_kv", a.ActualKeyValueHeads);
        Add("attention.key_length", a.ActualHeadSize);
        Add("attention.value_length", a.ActualHeadSize);
        Add("rope.dimension_count", a.ActualHeadSize);
        writer.Add($"{name}.rope.freq_base", (float)a.RotaryBase);
        writer.Add($"{name}.attention.layer_norm_rms_epsilon", (float)a.NormEpsilon);
        if (a.SlidingWindow is { } window)
            Add("attention.sliding_window", window);
        if (a.RotaryScaling is { Kind: RotaryScalingKind.Linear } scaling)
        {
            writer.Add($"{name}.rope.scaling.type", "linear");
            writer.Add($"{name}.rope.scaling.factor", (float)scaling.Factor);
        }

        return name;

        void Add(string key, int value) => writer.Add($"{name}.{key}", value);
    }

    /// <summary>The factors of an architecture whose scaling is Llama 3's, as llama.cpp's converter computes them; else none.</summary>
    public static float[] FactorsOf(LanguageModelArchitecture a)
    {
        if (a.RotaryScaling is not { Kind: RotaryScalingKind.Llama3 })
            return [];
        double[] plain = (a with { RotaryScaling = null }).Shape.Rotary!.Frequencies(), scaled = a.Shape.Rotary!.Frequencies();
        return [.. plain.Zip(scaled, (p, s) => (float)(p / s))];
    }

    private static RotaryScaling? Scaling(GgufFile file, string name, LanguageModelArchitecture a)
    {
        GgufMetadata data = file.Metadata;
        string type = data.Text($"{name}.rope.scaling.type") ?? "none";
        double? factor = data.Number($"{name}.rope.scaling.factor") ?? data.Number($"{name}.rope.scale_linear");
        if (type is not ("none" or "linear"))
            throw data.Bad($"'{name}.rope.scaling.type' is {Quoted.Text(type)}; supported values: none, linear");
        if (!file.Tensors.TryGetValue(FrequencyFactors, out GgufTensor? tensor))
            return factor is { } times && times is not (0 or 1) ? new RotaryScaling(RotaryScalingKind.Linear, times) : null;

        int count = a.ActualHeadSize / 2;
        if (tensor.Shape.Length != 1 || tensor.RowLength != count)
            throw data.Bad($"tensor '{FrequencyFactors}' is {tensor.Describe()}; expected {count} elements");
        byte[] bytes = new byte[tensor.RowBytes];
        float[] factors = new float[count];
        file.ReadRow(tensor, 0, bytes);
        tensor.Format.Dequantize(bytes, factors);
        // The file does not say how they were computed: by the numbers that all of Llama's models have, but one.
        var found = Enumerable.Range(10, 11).Select(bits => new RotaryScaling(
            RotaryScalingKind.Llama3, Math.Max(1, Math.Round(factors.Max(), 4)), 1, 4, 1 << bits));
        return found.FirstOrDefault(scaling => FactorsOf(a with { RotaryScaling = scaling })
            .Zip(factors, (expected, actual) => Math.Abs(expected - actual) <= LargestDifference * expected).All(isEqual => isEqual))
            ?? throw data.Bad($"the factors in tensor '{FrequencyFactors}' are not those of Llama 3, which alone are supported");
    }

    // 1e-5 as a float is no such number as a double; what was meant has few digits.
    private static double Rounded(double value) => double.Parse(
        ((float)value).ToString(System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
}

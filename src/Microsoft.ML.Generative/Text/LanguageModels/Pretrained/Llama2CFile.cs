using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>
/// A model as llama2.c stores it (legacy format, version 0): seven integers, then the weights as floats, little-endian. The tensors of a kind
/// stand one after the other for all layers.
/// </summary>
internal sealed class Llama2CFile
{
    private const int HeaderBytes = 7 * sizeof(int);

    // Far beyond any model.
    private const int MaxNumber = 1 << 20;

    private const int PieceBytes = 1 << 24;

    private readonly string _path;
    private readonly long _rotaryFloats;

    private Llama2CFile(string path, LanguageModelArchitecture architecture, long rotaryFloats) =>
        (_path, Architecture, _rotaryFloats) = (path, architecture, rotaryFloats);

    public LanguageModelArchitecture Architecture { get; }

    /// <summary>Reads the header, and checks it against the file's length.</summary>
    /// <exception cref="InvalidDataException">The file is no such model, or damaged; the message names it and what is wrong.</exception>
    public static Llama2CFile Open(string path)
    {
        using FileStream stream = File.OpenRead(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (stream.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes)
            throw Bad(path, $"it has {stream.Length} bytes, and the header alone has {HeaderBytes}");

        int width = Number(header, 0, "dim"), hidden = Number(header, 1, "hidden_dim"), layers = Number(header, 2, "n_layers");
        int heads = Number(header, 3, "n_heads"), keyHeads = Number(header, 4, "n_kv_heads"), context = Number(header, 6, "seq_len");
        // A vocabulary below 0 says that the output layer has weights of its own.
        int vocabulary = BinaryPrimitives.ReadInt32LittleEndian(header[(5 * sizeof(int))..]);
        if (vocabulary == 0 || Math.Abs((long)vocabulary) > MaxNumber)
            throw Bad(path, $"its 'vocab_size' is {vocabulary}; expected 1 to {MaxNumber}, or that below 0");
        if (width % heads != 0)
            throw Bad(path, $"its 'dim' is {width}, which is not a multiple of 'n_heads', {heads}");

        LanguageModelArchitecture architecture = LanguageModelArchitecture.LlamaNano with
        {
            VocabularySize = Math.Abs(vocabulary),
            ContextLength = context,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyHeads,
            EmbeddingSize = width,
            FeedForwardSize = hidden,
            Positions = PositionEncoding.RotaryInterleaved,
            NormEpsilon = 1e-5,
            TieEmbeddings = vocabulary > 0,
        };
        try
        {
            architecture.Validate();
        }
        catch (ArgumentException e)
        {
            throw Bad(path, $"its header describes no model: {e.Message}", e);
        }

        // Tables of cosines and sines, which nobody reads any more.
        long rotary = (long)context * (width / heads);
        Int128 expected = HeaderBytes + sizeof(float) * (CountParameters(architecture) + rotary);
        if (stream.Length != expected)
            throw Bad(path, $"it has {stream.Length} bytes, and {Describe(architecture)} has {expected}");
        return new Llama2CFile(path, architecture, rotary);

        int Number(ReadOnlySpan<byte> bytes, int index, string name)
        {
            int number = BinaryPrimitives.ReadInt32LittleEndian(bytes[(index * sizeof(int))..]);
            return number is >= 1 and <= MaxNumber ? number : throw Bad(path, $"its '{name}' is {number}; expected 1 to {MaxNumber}");
        }
    }

    /// <summary>Copies the weights over those of a network of this architecture, which has to be on the CPU, in Float32.</summary>
    /// <exception cref="EndOfStreamException">The file has become shorter since it was opened.</exception>
    public void ReadInto(LanguageModelNetwork network)
    {
        if (network.Architecture != Architecture)
            throw new ArgumentException($"The network is not of the architecture of '{_path}'.", nameof(network));
        if (!DecoderKernels.CanRead(network))
            throw new ArgumentException("The network's parameters are not Float32 on the CPU.", nameof(network));
        Dictionary<string, torch.Tensor> parameters = ModuleWeights.Of(network).ToDictionary(p => p.Name, p => p.Tensor, StringComparer.Ordinal);
        using FileStream stream = File.OpenRead(_path);
        stream.Position = HeaderBytes;
        LanguageModelArchitecture a = Architecture;
        int queries = a.Heads * a.ActualHeadSize, keys = a.ActualKeyValueHeads * a.ActualHeadSize, hidden = a.ActualFeedForwardSize;

        Read("tokens.weight");
        ReadLayers("attentionNorm.weight");
        ReadLayers("queriesKeysValues.weight", 0, queries);
        ReadLayers("queriesKeysValues.weight", queries, keys);
        ReadLayers("queriesKeysValues.weight", queries + keys, keys);
        ReadLayers("attentionOut.weight");
        ReadLayers("perceptronNorm.weight");
        // w1, the gate; w2, out; w3, what is gated.
        ReadLayers("perceptronIn.weight", 0, hidden);
        ReadLayers("perceptronOut.weight");
        ReadLayers("perceptronIn.weight", hidden, hidden);
        Read("norm.weight");
        stream.Position += sizeof(float) * _rotaryFloats;
        if (!a.TieEmbeddings)
            Read("head.weight");

        void ReadLayers(string name, int from = 0, int rows = 0)
        {
            for (int layer = 0; layer < a.Layers; layer++)
                Read($"blocks.{layer}.{name}", from, rows);
        }

        // All rows of a tensor, or some.
        unsafe void Read(string name, int from = 0, int rows = 0)
        {
            torch.Tensor parameter = parameters[name];
            long rowBytes = sizeof(float) * parameter.numel() / parameter.size(0);
            byte* start = TensorMemory.Start(parameter) + from * rowBytes;
            long bytes = (rows == 0 ? parameter.size(0) : rows) * rowBytes;
            for (long done = 0; done < bytes; done += PieceBytes)
            {
                var piece = new Span<byte>(start + done, (int)Math.Min(bytes - done, PieceBytes));
                stream.ReadExactly(piece);
                if (!BitConverter.IsLittleEndian)
                {
                    Span<int> values = MemoryMarshal.Cast<byte, int>(piece);
                    BinaryPrimitives.ReverseEndianness(values, values);
                }
            }
        }
    }

    // What LanguageModelArchitecture.CountParameters says, of numbers for which that may not fit a long.
    private static Int128 CountParameters(LanguageModelArchitecture a)
    {
        Int128 width = a.EmbeddingSize, keys = a.ActualKeyValueHeads * a.ActualHeadSize;
        Int128 layer = 2 * width + 2 * width * width + 2 * keys * width + 3 * width * a.ActualFeedForwardSize;
        return a.VocabularySize * width * (a.TieEmbeddings ? 1 : 2) + a.Layers * layer + width;
    }

    private static string Describe(LanguageModelArchitecture a) =>
        $"a llama2.c model of dim {a.EmbeddingSize}, hidden_dim {a.FeedForwardSize}, n_layers {a.Layers}, n_heads {a.Heads}, n_kv_heads {a.KeyValueHeads}, vocab_size {(a.TieEmbeddings ? "" : "−")}{a.VocabularySize}, seq_len {a.ContextLength}";

    private static InvalidDataException Bad(string path, string what, Exception? inner = null) =>
        new($"'{path}' is not a model in llama2.c's format: {what}.", inner);
}

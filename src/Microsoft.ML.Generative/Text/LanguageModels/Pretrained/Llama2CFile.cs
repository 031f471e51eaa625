using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>
/// A model as llama2.c stores it (legacy format, version 0): seven integers, then the weights as floats, little-endian. The tensors of a
/// kind stand one after the other for all layers.
/// </summary>
internal sealed class Llama2CFile
{
    private const int HeaderBytes = 7 * sizeof(int);

    // Far beyond any model.
    private const int MaxNumber = 1 << 20;

    private readonly string _path;
    private readonly long _rotaryFloats;

    private Llama2CFile(string path, LanguageModelArchitecture architecture, long rotaryFloats) =>
        (_path, Architecture, _rotaryFloats) = (path, architecture, rotaryFloats);

    public LanguageModelArchitecture Architecture { get; }

    /// <summary>Reads the header, and checks it against the file's length.</summary>
    /// <exception cref="InvalidDataException">The file is no such model, or damaged; the message names it and what is wrong.</exception>
    public static Llama2CFile Open(string path)
    {
        using FileStream stream = RegularFile.OpenRead(path);
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
        Int128 expected = HeaderBytes + sizeof(float) * (architecture.Shape.CountParameters() + rotary);
        if (stream.Length != expected)
            throw Bad(path, $"it has {stream.Length} bytes, and {Describe(architecture)} has {expected}");
        return new Llama2CFile(path, architecture, rotary);

        int Number(ReadOnlySpan<byte> bytes, int index, string name)
        {
            int number = BinaryPrimitives.ReadInt32LittleEndian(bytes[(index * sizeof(int))..]);
            return number is >= 1 and <= MaxNumber ? number : throw Bad(path, $"its '{name}' is {number}; expected 1 to {MaxNumber}");
        }
    }

    /// <summary>Copies the weights over those of a network of this architecture, in Float32.</summary>
    /// <exception cref="NotSupportedException">A layer has an adapter, or a weight that is not dense; the message names it.</exception>
    /// <exception cref="EndOfStreamException">The file has become shorter since it was opened.</exception>
    public void ReadInto(LanguageModelNetwork network)
    {
        if (network.Architecture != Architecture)
            throw new ArgumentException($"The network is not of the architecture of '{_path}'.", nameof(network));
        if (network.parameters().FirstOrDefault(p => p.dtype != torch.ScalarType.Float32) is { } other)
        {
            throw new ArgumentException(
                $"The network's parameters are {other.dtype}; expected {torch.ScalarType.Float32}.", nameof(network));
        }

        var layers = new PlainLayers(network, "files of llama2.c hold");
        IReadOnlyList<TransformerBlock> blocks = network.Blocks;
        using FileStream stream = RegularFile.OpenRead(_path);
        stream.Position = HeaderBytes;

        Read(network.Tokens.weight!);
        ReadAll(block => block.AttentionNorm.Gain);
        ReadAll(block => Part(block.QueriesKeysValues, LayerPart.Query));
        ReadAll(block => Part(block.QueriesKeysValues, LayerPart.Key));
        ReadAll(block => Part(block.QueriesKeysValues, LayerPart.Value));
        ReadAll(block => layers.WeightOf(block.AttentionOut));
        ReadAll(block => block.FeedForwardNorm.Gain);
        // w1, w2 and w3.
        ReadAll(block => Part(block.FeedForwardIn, LayerPart.Gate));
        ReadAll(block => layers.WeightOf(block.FeedForwardOut));
        ReadAll(block => Part(block.FeedForwardIn, LayerPart.Up));
        Read(network.Norm.Gain);
        stream.Position += sizeof(float) * _rotaryFloats;
        if (!Architecture.TieEmbeddings)
            Read(layers.WeightOf(network.Head));

        void ReadAll(Func<TransformerBlock, torch.Tensor> tensorOf)
        {
            foreach (TransformerBlock block in blocks)
                Read(tensorOf(block));
        }

        torch.Tensor Part(Linear layer, string name)
        {
            LayerPart part = layer.Parts.Single(p => p.Name == name);
            return layers.WeightOf(layer).narrow(0, part.Start, part.Outputs); // [outputs of the part, inputs]
        }

        void Read(torch.Tensor tensor) => TensorPieces.Read(tensor, bytes =>
        {
            stream.ReadExactly(bytes);
            if (!BitConverter.IsLittleEndian)
            {
                Span<int> values = MemoryMarshal.Cast<byte, int>(bytes);
                BinaryPrimitives.ReverseEndianness(values, values);
            }
        });
    }

    private static string Describe(LanguageModelArchitecture a) =>
        $"a llama2.c model of dim {a.EmbeddingSize}, hidden_dim {a.FeedForwardSize}, n_layers {a.Layers}, n_heads {a.Heads}, "
        + $"n_kv_heads {a.KeyValueHeads}, vocab_size {(a.TieEmbeddings ? "" : "−")}{a.VocabularySize}, seq_len {a.ContextLength}";

    private static InvalidDataException Bad(string path, string what, Exception? inner = null) =>
        new($"'{path}' is not a model in llama2.c's format: {what}.", inner);
}

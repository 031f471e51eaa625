using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>The tensors of a network under llama.cpp's names, and in its order of rows.</summary>
internal sealed class GgufWeights
{
    private const int NamesShown = 10;

    private static readonly Dictionary<string, string> _partNames = new()
    {
        [LayerPart.Query] = "attn_q",
        [LayerPart.Key] = "attn_k",
        [LayerPart.Value] = "attn_v",
        [LayerPart.Gate] = "ffn_gate",
        [LayerPart.Up] = "ffn_up",
    };

    private readonly LanguageModelArchitecture _architecture;
    private readonly bool _fileHasPairs;
    private readonly bool _hasOtherOrder;

    /// <param name="name">llama.cpp's name for the architecture.</param>
    /// <param name="architecture">The architecture.</param>
    public GgufWeights(string name, LanguageModelArchitecture architecture)
    {
        _architecture = architecture;
        _fileHasPairs = GgufArchitecture.HasPairs(name);
        _hasOtherOrder = _fileHasPairs != (architecture.Positions == PositionEncoding.RotaryInterleaved);
    }

    /// <summary>Checks that a file has the tensors of the architecture and no others, which needs no memory.</summary>
    /// <returns>How the large weights are stored, in the order of <see cref="DecoderStack.Quantizable"/>.</returns>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or of another shape; the message names them.</exception>
    public BlockFormat[][] Check(GgufFile file)
    {
        if (_architecture.Layers > file.Tensors.Count)
            throw Bad(file, $"it has {file.Tensors.Count} tensors, too few for {_architecture.Layers} layers");
        List<string> wrong = [];
        HashSet<string> known = [GgufArchitecture.FrequencyFactors];
        TransformerBlockShape block = _architecture.Shape.Block;
        int width = block.EmbeddingSize, keys = block.KeyValueHeads * block.HeadSize;
        List<BlockFormat[]> formats = [[Matrix(GgufArchitecture.Embedding, _architecture.VocabularySize, width)]];
        for (int i = 0; i < _architecture.Layers; i++)
        {
            string at = $"blk.{i}.";
            Vector(at + "attn_norm.weight", width);
            formats.Add([Attention("q", block.AttendedSize), Attention("k", keys), Attention("v", keys)]);
            formats.Add([Linear("attn_output", width, block.AttendedSize)]);
            Vector(at + "ffn_norm.weight", width);
            formats.Add([Linear("ffn_gate", block.FeedForwardSize, width), Linear("ffn_up", block.FeedForwardSize, width)]);
            formats.Add([Linear("ffn_down", width, block.FeedForwardSize)]);

            BlockFormat Attention(string part, int outputs)
            {
                if (block.HasQueryKeyValueBias)
                    Vector($"{at}attn_{part}.bias", outputs);
                return Matrix($"{at}attn_{part}.weight", outputs, width);
            }

            BlockFormat Linear(string name, int outputs, int inputs)
            {
                if (block.HasBias)
                    Vector($"{at}{name}.bias", outputs);
                return Matrix($"{at}{name}.weight", outputs, inputs);
            }
        }

        Vector("output_norm.weight", width);
        if (!_architecture.TieEmbeddings)
            formats.Add([Matrix(GgufArchitecture.Output, _architecture.VocabularySize, width)]);
        wrong.AddRange(file.Tensors.Keys.Where(name => !known.Contains(name)).Select(name => $"{Quoted.Text(name)} is unexpected"));
        if (wrong.Count > 0)
        {
            throw Bad(file, "its tensors are not those of the model that its metadata describe: "
                + string.Join("; ", wrong.Take(NamesShown)) + (wrong.Count > NamesShown ? $"; and {wrong.Count - NamesShown} more" : ""));
        }

        return [.. formats];

        BlockFormat Matrix(string name, long outputs, long inputs) => Find(name, [outputs, inputs]) is { } tensor
            ? FormatOf(tensor.Format)
            : BlockFormat.F32;

        void Vector(string name, long size)
        {
            if (Find(name, [size]) is { Format.BlockSize: not 1 } tensor)
                wrong.Add($"{Quoted.Text(name)} is {tensor.Describe()}; expected floats");
        }

        GgufTensor? Find(string name, long[] shape)
        {
            known.Add(name);
            if (!file.Tensors.TryGetValue(name, out GgufTensor? tensor))
                wrong.Add($"{Quoted.Text(name)} is missing");
            else if (!tensor.Shape.AsSpan().SequenceEqual(shape))
                wrong.Add($"{Quoted.Text(name)} is {tensor.Describe()}; expected [{string.Join(", ", shape)}]");
            else
                return tensor;
            return null;
        }
    }

    /// <summary>Reads a file into a network of the architecture.</summary>
    public void Load(LanguageModelNetwork network, GgufFile file)
    {
        using IDisposable noGradient = torch.no_grad();
        foreach (StoredRows stored in All(network))
        {
            using DisposeScope scope = torch.NewDisposeScope();
            if (stored.Weight is IBlockRows blocks)
                Load(blocks, stored.Parts, file);
            else if (stored.IsVector)
                LoadVectors(stored, file);
            else
                LoadMatrices(stored, file);
        }
    }

    /// <summary>Adds the tensors of a network to a file.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="network">The network.</param>
    /// <param name="format">How matrices are stored.</param>
    /// <param name="tableFormat">How the token embedding and the output layer are stored.</param>
    public void Save(GgufWriter writer, LanguageModelNetwork network, BlockFormat format, BlockFormat tableFormat)
    {
        if (GgufArchitecture.FactorsOf(_architecture) is { Length: > 0 } factors)
            writer.AddTensor(GgufArchitecture.FrequencyFactors, [factors.Length], BlockFormat.F32, stream => Write(stream, factors));
        foreach (StoredRows stored in All(network))
        {
            foreach (NamedRows part in stored.Parts)
            {
                if (stored.IsVector)
                {
                    writer.AddTensor(part.Name, [part.Count], BlockFormat.F32, stream => WriteVector(stream, stored, part));
                    continue;
                }

                long inputs = stored.Inputs;
                BlockFormat wanted = part.Name is GgufArchitecture.Embedding or GgufArchitecture.Output ? tableFormat : format;
                // As llama.cpp's converter has it.
                if (inputs % wanted.BlockSize != 0)
                    wanted = BlockFormat.F16;
                writer.AddTensor(part.Name, [part.Count, inputs], wanted, stream => WriteMatrix(stream, stored, part, wanted));
            }
        }
    }

    private void Load(IBlockRows blocks, NamedRows[] parts, GgufFile file)
    {
        int current = 0;
        blocks.TakeRows((row, target) =>
        {
            while (row >= parts[current].Start + parts[current].Count)
                current++;
            NamedRows part = parts[current];
            GgufTensor tensor = file.Tensors[part.Name];
            byte[] bytes = new byte[tensor.RowBytes];
            file.ReadRow(tensor, OtherRow(part, row - part.Start, toFile: true), bytes);
            if (tensor.Format == blocks.Format)
            {
                bytes.CopyTo(target);
                return;
            }

            float[] values = new float[target.Length / blocks.Format.BlockBytes * blocks.Format.BlockSize];
            tensor.Format.Dequantize(bytes, values.AsSpan(0, (int)tensor.RowLength));
            blocks.Format.Quantize(values, target);
        });
    }

    private void LoadMatrices(StoredRows stored, GgufFile file)
    {
        foreach (NamedRows part in stored.Parts)
        {
            GgufTensor tensor = file.Tensors[part.Name];
            byte[] bytes = new byte[tensor.RowBytes];
            float[] values = new float[tensor.RowLength];
            torch.Tensor rows = torch.empty(part.Count, tensor.RowLength);
            for (int row = 0; row < part.Count; row++)
            {
                file.ReadRow(tensor, OtherRow(part, row, toFile: true), bytes);
                tensor.Format.Dequantize(bytes, values);
                TensorMemory.WriteRow<float>(rows, row, values);
            }

            stored.Tensor.narrow(0, part.Start, part.Count).copy_(rows);
        }
    }

    private void LoadVectors(StoredRows stored, GgufFile file)
    {
        foreach (NamedRows part in stored.Parts)
        {
            GgufTensor tensor = file.Tensors[part.Name];
            byte[] bytes = new byte[tensor.RowBytes];
            float[] values = new float[tensor.RowLength];
            file.ReadRow(tensor, 0, bytes);
            tensor.Format.Dequantize(bytes, values);
            values = [.. Enumerable.Range(0, part.Count).Select(i => values[OtherRow(part, i, toFile: true)])];
            stored.Tensor.narrow(0, part.Start, part.Count).copy_(torch.tensor(values));
        }
    }

    private void WriteMatrix(Stream stream, StoredRows stored, NamedRows part, BlockFormat format)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        int rowBytes = checked((int)format.BytesOf(stored.Inputs));
        if (stored.Weight is IBlockRows blocks && blocks.Format == format)
        {
            byte[] all = new byte[checked(rowBytes * part.Count)];
            blocks.GiveRows(part.Start, part.Count, (row, bytes) => bytes[..rowBytes].CopyTo(
                all.AsSpan(rowBytes * (int)OtherRow(part, row - part.Start, toFile: true), rowBytes)));
            stream.Write(all);
            return;
        }

        torch.Tensor dense = (stored.Weight?.Dense() ?? stored.Tensor).detach().narrow(0, part.Start, part.Count)
            .to(torch.ScalarType.Float32).cpu().contiguous();
        byte[] block = new byte[rowBytes];
        for (int row = 0; row < part.Count; row++)
        {
            format.Quantize(TensorMemory.ReadRow<float>(dense, OtherRow(part, row, toFile: false)), block);
            stream.Write(block);
        }
    }

    private void WriteVector(Stream stream, StoredRows stored, NamedRows part)
    {
        using torch.Tensor rows = stored.Tensor.detach().narrow(0, part.Start, part.Count);
        float[] values = TensorMemory.ToArray<float>(rows);
        Write(stream, [.. Enumerable.Range(0, part.Count).Select(i => values[OtherRow(part, i, toFile: false)])]);
    }

    private static void Write(Stream stream, float[] values)
    {
        byte[] bytes = new byte[sizeof(float) * values.Length];
        BlockFormat.F32.Quantize(values, bytes);
        stream.Write(bytes);
    }

    // The place of a row in the file, or of one of the file's rows in the network: of queries and keys, one has the values that are rotated
    // together as pairs, the other in two halves of each head.
    private long OtherRow(NamedRows part, long row, bool toFile)
    {
        if (!_hasOtherOrder || part.HeadSize is not { } size)
            return row;
        (long head, long within) = Math.DivRem(row, size);
        bool isPairs = _fileHasPairs != toFile;
        int half = size / 2;
        return head * size + (isPairs ? within % 2 * half + within / 2 : 2 * (within % half) + within / half);
    }

    // In llama.cpp's order.
    private static IEnumerable<StoredRows> All(LanguageModelNetwork network)
    {
        yield return new(network.Tokens.Table, Single(GgufArchitecture.Embedding, network.Tokens.Table.Shape[0]));
        for (int i = 0; i < network.Blocks.Count; i++)
        {
            TransformerBlock block = network.Blocks[i];
            string at = $"blk.{i}.";
            yield return new(block.AttentionNorm.Gain, Single(at + "attn_norm.weight", block.AttentionNorm.Gain.numel()));
            foreach (StoredRows stored in OfLayer(at, block.QueriesKeysValues))
                yield return stored;
            foreach (StoredRows stored in OfLayer(at, block.AttentionOut, "attn_output"))
                yield return stored;
            yield return new(block.FeedForwardNorm.Gain, Single(at + "ffn_norm.weight", block.FeedForwardNorm.Gain.numel()));
            foreach (StoredRows stored in OfLayer(at, block.FeedForwardIn))
                yield return stored;
            foreach (StoredRows stored in OfLayer(at, block.FeedForwardOut, "ffn_down"))
                yield return stored;
        }

        yield return new(network.Norm.Gain, Single("output_norm.weight", network.Norm.Gain.numel()));
        if (!network.Shape.TiesEmbeddings)
            yield return new(network.Head.Weight, Single(GgufArchitecture.Output, network.Head.Weight.Shape[0]));
    }

    private static NamedRows[] Single(string name, long rows) => [new(name, 0, checked((int)rows), null)];

    private static IEnumerable<StoredRows> OfLayer(string at, Linear layer, string? name = null)
    {
        NamedRows[] Named(string ending) => name is not null
            ? Single($"{at}{name}{ending}", layer.Weight.Shape[0])
            : [.. layer.Parts.Select(part => new NamedRows(
                $"{at}{_partNames[part.Name]}{ending}", part.Start, part.Outputs,
                part.Name is LayerPart.Query or LayerPart.Key ? part.HeadSize : null))];

        NamedRows[] parts = Named(".weight");
        if (layer.Weight is PartedWeight parted)
        {
            foreach ((Weight own, NamedRows part) in parted.Parts.Zip(parts))
                yield return new(own, [part with { Start = 0 }]);
        }
        else
        {
            yield return new(layer.Weight, parts);
        }

        if (layer.Bias is { } bias)
            yield return new(bias, Named(".bias"));
    }

    /// <summary>Rows that are stored together, under their names in files.</summary>
    private sealed class StoredRows
    {
        private readonly torch.Tensor? _tensor;

        public StoredRows(Weight weight, NamedRows[] parts)
        {
            (Weight, _tensor, Parts, Inputs) = (weight, weight.Plain, parts, weight.Shape[1]);
        }

        public StoredRows(torch.Tensor vector, NamedRows[] parts) => (_tensor, Parts) = (vector, parts);

        public Weight? Weight { get; }

        /// <summary>The floats of the rows.</summary>
        public torch.Tensor Tensor => _tensor ?? throw new NotSupportedException($"The weight is {Weight!.Kind}.");

        public NamedRows[] Parts { get; }

        public long Inputs { get; }

        public bool IsVector => Weight is null;
    }

    /// <summary>Rows that are a tensor in files.</summary>
    /// <param name="Name">The tensor's name.</param>
    /// <param name="Start">The first row.</param>
    /// <param name="Count">Rows.</param>
    /// <param name="HeadSize">Rows of a head whose values are rotated; else <see langword="null"/>.</param>
    private sealed record NamedRows(string Name, int Start, int Count, int? HeadSize);

    // Halves have other exponents than floats, and become those.
    private static BlockFormat FormatOf(BlockFormat format) => format == BlockFormat.F16 ? BlockFormat.F32 : format;

    private static InvalidDataException Bad(GgufFile file, string what) => new($"'{file.Path}' is not usable: {what}.");
}

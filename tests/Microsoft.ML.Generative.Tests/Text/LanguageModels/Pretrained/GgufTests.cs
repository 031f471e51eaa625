using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class GgufTests : IDisposable
{
    private const int Vocabulary = 300;

    private static readonly Lazy<GenerativeTokenizer> _bytes = new(
        () => GenerativeTokenizers.TrainBytePairEncoding(["the cat sat on the mat, and the cat saw the dog"], 270));

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, GgufType> Saved
    {
        get
        {
            var all = new TheoryData<string, GgufType>();
            foreach (string name in TinyLanguageModels.All.Keys.Where(name => name.StartsWith("llama", StringComparison.Ordinal)))
            {
                foreach (GgufType type in Enum.GetValues<GgufType>())
                    all.Add(name, type);
            }

            return all;
        }
    }

    private string Path => _folder.File("model.gguf");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Saved))]
    public void A_saved_file_is_read_back_as_the_same_model(string name, GgufType type)
    {
        LanguageModelArchitecture architecture = Large(TinyLanguageModels.All[name]);
        using var model = new AdaptedNetwork<LanguageModelNetwork>(TinyLanguageModels.Create(architecture));
        GgufModel.Save(Path, model.Network, TextCodec.Of(_bytes.Value), type);
        using LanguageModelTransformer loaded = Load();
        // Pairs that are rotated are put into halves, as in files of Hugging Face.
        Assert.Equal(architecture with { Positions = PositionEncoding.Rotary }, Plain(loaded.Architecture));
        WeightFormat format = type switch
        {
            GgufType.Q8_0 => WeightFormat.Q8_0,
            GgufType.Q4_0 => WeightFormat.Q4_0,
            GgufType.BFloat16 => WeightFormat.BFloat16,
            _ => WeightFormat.Float32,
        };
        Assert.Equal(format, loaded.WeightFormat);
        using AdaptedNetwork<LanguageModelNetwork> stored = LanguageModelCopies.Quantize(model, format);
        double[] expected = Logits(stored.Network), found = Logits(loaded.Network);
        double tolerance = expected.Max(Math.Abs) * (type == GgufType.Float16 ? 0.05 : 1e-5);
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -tolerance, tolerance));

        // What was read in blocks is written in the same.
        byte[] bytes = File.ReadAllBytes(Path);
        loaded.SaveGguf(_folder.File("again.gguf"), type == GgufType.Float16 ? GgufType.Float16 : null);
        Assert.Equal(bytes, File.ReadAllBytes(_folder.File("again.gguf")));
        Assert.Equal("the dog", loaded.Tokenizer.Decode(loaded.Tokenizer.EncodeToIds("the dog")));
    }

    // llama.cpp's converter: w.reshape(heads, 2, size / 2, inputs).swapaxes(1, 2), of queries and keys of llama, not of qwen2.
    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")]
    public void Rows_of_queries_and_keys_are_permuted_as_by_the_converter(string name)
    {
        LanguageModelArchitecture architecture = Large(TinyLanguageModels.All["llama"]) with
        {
            KeyValueHeads = 2,
            HasQueryKeyValueBias = name == "qwen2",
            TieEmbeddings = false,
        };
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        GgufModel.Save(Path, network, TextCodec.Of(_bytes.Value), GgufType.Float32);
        using GgufFile file = GgufFile.Open(Path);
        Assert.Equal(name, file.Metadata.Text("general.architecture"));
        float[] all = TensorMemory.ToArray<float>(network.Blocks[1].QueriesKeysValues.Weight.Plain!);
        int width = 32, size = 8;
        for (int row = 0; row < 16; row++)
        {
            // Keys, which are after four heads of queries.
            (int head, int i) = (row / size, row % size);
            int converted = name == "qwen2" ? row : head * size + i % (size / 2) * 2 + i / (size / 2);
            Assert.Equal(all.AsSpan((4 * size + row) * width, width).ToArray(), Floats(file, "blk.1.attn_k.weight", converted));
            Assert.Equal(all.AsSpan((6 * size + row) * width, width).ToArray(), Floats(file, "blk.1.attn_v.weight", row));
        }
    }

    // A file that llama.cpp's programs may write, byte by byte, with every format that is read.
    [Fact]
    public void A_published_layout_with_formats_of_all_kinds_is_understood()
    {
        var random = new Random(3);
        var file = new Dictionary<string, (int[] Shape, BlockFormat Format, byte[] Bytes)>
        {
            ["token_embd.weight"] = Blocks(BlockFormat.Q6_K, Vocabulary, 256),
            ["output_norm.weight"] = Blocks(BlockFormat.F32, 1, 256),
            ["output.weight"] = Blocks(BlockFormat.BF16, Vocabulary, 256),
            ["blk.0.attn_norm.weight"] = Blocks(BlockFormat.F32, 1, 256),
            ["blk.0.attn_q.weight"] = Blocks(BlockFormat.Q4_K, 256, 256),
            ["blk.0.attn_k.weight"] = Blocks(BlockFormat.Q5_K, 128, 256),
            ["blk.0.attn_v.weight"] = Blocks(BlockFormat.Q6_K, 128, 256),
            ["blk.0.attn_output.weight"] = Blocks(BlockFormat.Q5_0, 256, 256),
            ["blk.0.ffn_norm.weight"] = Blocks(BlockFormat.F32, 1, 256),
            ["blk.0.ffn_gate.weight"] = Blocks(BlockFormat.Q4_1, 64, 256),
            ["blk.0.ffn_up.weight"] = Blocks(BlockFormat.Q5_1, 64, 256),
            ["blk.0.ffn_down.weight"] = Blocks(BlockFormat.F16, 256, 64),
        };
        File.WriteAllBytes(Path, Write(file));
        using LanguageModelTransformer loaded = Load();
        Assert.Equal(WeightFormat.Mixed, loaded.WeightFormat);
        Assert.True(loaded.WeightBytes < 600_000);

        LanguageModelArchitecture architecture = LanguageModelArchitecture.Llama2 with
        {
            VocabularySize = Vocabulary,
            ContextLength = 12,
            Layers = 1,
            Heads = 4,
            KeyValueHeads = 2,
            EmbeddingSize = 256,
            FeedForwardSize = 64,
            NormEpsilon = 1e-5,
        };
        Assert.Equal(architecture, Plain(loaded.Architecture));
        using LanguageModelNetwork expected = TorchSeed.Initialize(1, () => new LanguageModelNetwork(architecture));
        TransformerBlock block = expected.Blocks[0];
        Fill(expected.Tokens.Weight, "token_embd.weight");
        Fill(expected.Head.Weight.Plain!, "output.weight");
        Fill(expected.Norm.Gain, "output_norm.weight");
        Fill(block.AttentionNorm.Gain, "blk.0.attn_norm.weight");
        Fill(block.FeedForwardNorm.Gain, "blk.0.ffn_norm.weight");
        Fill(block.QueriesKeysValues.Weight.Plain!, "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight");
        Fill(block.AttentionOut.Weight.Plain!, "blk.0.attn_output.weight");
        Fill(block.FeedForwardIn.Weight.Plain!, "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight");
        Fill(block.FeedForwardOut.Weight.Plain!, "blk.0.ffn_down.weight");
        double[] logits = Logits(expected);
        Assert.All(logits.Zip(Logits(loaded.Network)), pair => Assert.InRange(pair.Second - pair.First, -1e-3, 1e-3));

        // In the kernels, in a model file, and as floats.
        var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 5 };
        string text = loaded.Generate("the", greedy);
        Assert.True(KernelDecodingSession.CanDecode(loaded.Network));
        var ml = new MLContext(seed: 1);
        ml.Model.Save(loaded, TinyText.Data(ml).Schema, _folder.File("model.zip"));
        using (var again = (LanguageModelTransformer)ml.Model.Load(_folder.File("model.zip"), out _))
        {
            Assert.Equal(WeightFormat.Mixed, again.WeightFormat);
            Assert.Equal(Logits(loaded.Network), Logits(again.Network));
            Assert.Equal(text, again.Generate("the", greedy));
        }

        using LanguageModelTransformer floats = loaded.Quantize(WeightFormat.Float32);
        Assert.All(logits.Zip(Logits(floats.Network)), pair => Assert.InRange(pair.Second - pair.First, -1e-3, 1e-3));
        Assert.Equal(text, floats.Generate("the", greedy));
        Assert.Throws<ArgumentException>(() => floats.Quantize(WeightFormat.Mixed));

        (int[], BlockFormat, byte[]) Blocks(BlockFormat format, int rows, int inputs)
        {
            float[] values = [.. Enumerable.Range(0, rows * inputs).Select(_ => (float)(random.NextDouble() - 0.5))];
            byte[] bytes = new byte[format.BytesOf(values.Length)];
            if (format.BlockSize == 1 && format != BlockFormat.BF16)
            {
                format.Quantize(values, bytes);
            }
            else
            {
                random.NextBytes(bytes);
                for (int start = 0; start < bytes.Length; start += format.BlockBytes)
                {
                    // Scales, and no other part, are floats.
                    int[] halves = format.Name switch { "Q6_K" => [208], "BF16" => [], "Q5_0" => [0], _ => [0, 2] };
                    double most = format.BlockSize == 256 ? 3e-4 : 0.01;
                    foreach (int half in halves)
                        BinaryPrimitives.WriteHalfLittleEndian(bytes.AsSpan(start + half), (Half)(random.NextDouble() * most));
                    if (format == BlockFormat.BF16)
                        bytes[start + 1] = 0x3D;
                }
            }

            return (rows == 1 ? [inputs] : [rows, inputs], format, bytes);
        }

        void Fill(torch.Tensor tensor, params string[] names)
        {
            List<float> values = [];
            foreach (string name in names)
            {
                (int[] shape, BlockFormat format, byte[] bytes) = file[name];
                float[] own = new float[shape.Aggregate(1, (a, b) => a * b)];
                format.Dequantize(bytes, own);
                if (name.Contains("attn_q", StringComparison.Ordinal) || name.Contains("attn_k", StringComparison.Ordinal))
                {
                    float[] other = [.. own];
                    for (int row = 0; row < shape[0]; row++)
                    {
                        int converted = row / 64 * 64 + row % 32 * 2 + row % 64 / 32;
                        other.AsSpan(converted * 256, 256).CopyTo(own.AsSpan(row * 256, 256));
                    }
                }

                values.AddRange(own);
            }

            using IDisposable noGradient = torch.no_grad();
            tensor.copy_(torch.tensor(values.ToArray()).view(tensor.shape));
        }
    }

    [DataFileFact("stories260K/stories260K.bin", "stories260K/tok512.bin")]
    public void A_published_model_tells_the_same_story_from_a_file_of_floats()
    {
        using LanguageModelTransformer model = new MLContext(seed: 1).Generative()
            .LoadPretrainedLanguageModel(DataFile.Find("stories260K/stories260K.bin")!);
        model.SaveGguf(Path);
        using LanguageModelTransformer loaded = Load();
        var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 100 };
        Assert.Equal(model.Generate("", greedy), loaded.Generate("", greedy));
        Assert.Equal(model.Generate("Tom and the dog", greedy), loaded.Generate("Tom and the dog", greedy));
        Assert.Equal(model.Codec.EncodePrompt("Ünïcode, spaces  and\n1,234!"), loaded.Codec.EncodePrompt("Ünïcode, spaces  and\n1,234!"));
    }

    [DataFileFact("llama-tokenizer/tokenizer.model")]
    public void The_tokenizer_of_Llama_is_kept() =>
        AssertSameTokenizer(GenerativeTokenizers.FromFile(DataFile.Find("llama-tokenizer/tokenizer.model")!));

    [DataFileFact("gpt2-bpe/encoder.json", "gpt2-bpe/vocab.bpe")]
    public void The_tokenizer_of_GPT2_is_kept() => AssertSameTokenizer(
        GenerativeTokenizers.FromFolder(System.IO.Path.GetDirectoryName(DataFile.Find("gpt2-bpe/encoder.json"))!));

    [Fact]
    public void Templates_and_tokens_that_end_a_text_are_kept()
    {
        GenerativeTokenizer own = _bytes.Value;
        var templates = new Dictionary<string, string> { ["default"] = "{{ messages }}", ["tools"] = "{{ tools }}" };
        GenerativeTokenizer tokenizer = TokenizerFiles.Create(own.Json.ToArray(), own.Config with { ChatTemplates = templates });
        using LanguageModelNetwork network = TinyLanguageModels.Create(Large(TinyLanguageModels.All["llama"]));
        GgufModel.Save(Path, network, TextCodec.Of(tokenizer) with { OtherEnds = [7] }, null);
        using LanguageModelTransformer loaded = Load();
        Assert.Equal(templates, ((GenerativeTokenizer)loaded.Tokenizer).ChatTemplates);
        Assert.Equal([7], loaded.Codec.OtherEnds);
        Assert.Equal(own.EndOfTextId, loaded.Codec.End);
    }

    [Fact]
    public void Models_and_tokenizers_that_the_format_lacks_are_refused_before_anything_is_written()
    {
        using LanguageModelNetwork gpt = TinyLanguageModels.Create(TinyLanguageModels.All["gpt, exact gelu"]);
        Assert.Contains("learned positions", Refusal(gpt, _bytes.Value));
        using LanguageModelNetwork llama = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        GenerativeTokenizer characters = GenerativeTokenizers.CharacterLevel(["abcdefghij"]);
        Assert.Contains("WordLevel", Refusal(llama, characters));
        Assert.False(File.Exists(Path));

        string Refusal(LanguageModelNetwork network, GenerativeTokenizer tokenizer) => Assert.Throws<NotSupportedException>(
            () => GgufModel.Save(Path, network, TextCodec.Of(tokenizer), null)).Message;
    }

    [Theory]
    [InlineData("general.architecture", "mamba", "mamba")]
    [InlineData("tokenizer.ggml.model", "bert", "bert")]
    [InlineData("tokenizer.ggml.pre", "tekken", "tekken")]
    [InlineData("llama.block_count", 3, "blk.2.attn_norm.weight")]
    [InlineData("llama.block_count", 100_000_000, "too few")]
    [InlineData("llama.expert_count", 8, "8 experts")]
    [InlineData("llama.attention.head_count", 0, "head_count")]
    [InlineData("llama.attention.head_count", 5, "Heads")]
    [InlineData("llama.rope.dimension_count", 2, "rotated")]
    [InlineData("llama.feed_forward_length", 65, "ffn_gate")]
    [InlineData("llama.rope.scaling.type", "yarn", "yarn")]
    public void What_is_not_supported_is_named(string name, object value, string expected)
    {
        File.WriteAllBytes(Path, Sound(name, value));
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(Load).Message);
    }

    [Fact]
    public void Three_thousand_damaged_files_load_or_are_refused()
    {
        byte[] sound = Sound();
        int loaded = 0, header = sound.Length - SoundData;
        Mutation.Any.Sample(
            m =>
            {
                byte[] bytes = [.. Mutation.Apply(sound[..header], m), .. sound[header..]];
                File.WriteAllBytes(Path, bytes);
                if (Bounds.LoadedOrRefused(() => Open(Path), 40_000_000) is not null)
                    loaded++;
            },
            iter: 3000,
            threads: 1);
        Assert.InRange(loaded, 20, 2900);
        for (int length = 0; length < header; length += 37)
        {
            File.WriteAllBytes(Path, sound[..length]);
            Assert.Throws<InvalidDataException>(() => Open(Path));
        }

        static object Open(string path)
        {
            using GgufFile file = GgufFile.Open(path);
            (string name, LanguageModelArchitecture architecture) = GgufArchitecture.Read(file);
            new GgufWeights(name, architecture).Check(file);
            return GgufTokenizer.Read(file.Metadata);
        }
    }

    private const int SoundData = 64;

    private static LanguageModelArchitecture Large(LanguageModelArchitecture architecture) => architecture with
    {
        VocabularySize = Vocabulary,
        EmbeddingSize = 32,
        HeadSize = architecture.HeadSize is null ? null : 16,
        FeedForwardSize = 64,
        // One that shows which numbers Llama 3's formula had.
        RotaryBase = architecture.RotaryScaling is { Kind: RotaryScalingKind.Llama3 } ? 1_000_000 : architecture.RotaryBase,
        RotaryScaling = architecture.RotaryScaling is { Kind: RotaryScalingKind.Llama3 } scaling
            ? scaling with { OriginalContextLength = 1024 }
            : architecture.RotaryScaling,
    };

    // As a file says it: with all sizes where they are not the default.
    private static LanguageModelArchitecture Plain(LanguageModelArchitecture a) =>
        a with { KeyValueHeads = a.KeyValueHeads == a.Heads ? null : a.KeyValueHeads };

    private static double[] Logits(LanguageModelNetwork network) =>
        LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens)[^1];

    private static float[] Floats(GgufFile file, string name, int row)
    {
        GgufTensor tensor = file.Tensors[name];
        byte[] bytes = new byte[tensor.RowBytes];
        float[] values = new float[tensor.RowLength];
        file.ReadRow(tensor, row, bytes);
        tensor.Format.Dequantize(bytes, values);
        return values;
    }

    private LanguageModelTransformer Load() => new MLContext(seed: 1).Generative().LoadPretrainedLanguageModel(Path);

    private void AssertSameTokenizer(GenerativeTokenizer tokenizer)
    {
        var writer = new GgufWriter();
        GgufTokenizer.Write(writer, tokenizer, tokenizer.VocabularySize, []);
        using (FileStream stream = File.Create(Path))
            writer.Write(stream);
        using GgufFile file = GgufFile.Open(Path);
        (GenerativeTokenizer found, _) = GgufTokenizer.Read(file.Metadata);
        string[] texts =
        [
            "Hello, world!", "  two  spaces\n\tand a tab", "naïve café — 東京 🙂", "The quick brown fox's 1,234 jumps", "<s> is text", "",
        ];
        foreach (string text in texts)
        {
            Assert.Equal(tokenizer.EncodeFragment(text, false), found.EncodeFragment(text, false));
            Assert.Equal(TextCodec.Of(tokenizer).EncodeWhole(text), TextCodec.Of(found).EncodeWhole(text));
            Assert.Equal(tokenizer.Decode(tokenizer.EncodeToIds(text)), found.Decode(found.EncodeToIds(text)));
        }

        Assert.Equal(tokenizer.VocabularySize, found.VocabularySize);
        Assert.Equal((tokenizer.BeginningOfTextId, tokenizer.EndOfTextId), (found.BeginningOfTextId, found.EndOfTextId));
    }

    // A file of two small layers; an entry of its metadata may be replaced.
    private static byte[] Sound(string? name = null, object? value = null)
    {
        Dictionary<string, object> values = Metadata(64);
        if (name is not null)
            values[name] = value!;
        return Write(values, Tensors());

        static Dictionary<string, (int[] Shape, BlockFormat Format, byte[] Bytes)> Tensors()
        {
            var all = new Dictionary<string, (int[] Shape, BlockFormat Format, byte[] Bytes)>
            {
                ["token_embd.weight"] = Of(Vocabulary, 8),
                ["output_norm.weight"] = Of(8),
            };
            for (int i = 0; i < 2; i++)
            {
                (all[$"blk.{i}.attn_norm.weight"], all[$"blk.{i}.ffn_norm.weight"]) = (Of(8), Of(8));
                foreach (string name in (string[])["attn_q", "attn_k", "attn_v", "attn_output"])
                    all[$"blk.{i}.{name}.weight"] = Of(8, 8);
                (all[$"blk.{i}.ffn_gate.weight"], all[$"blk.{i}.ffn_up.weight"]) = (Of(64, 8), Of(64, 8));
                all[$"blk.{i}.ffn_down.weight"] = Of(8, 64);
            }

            return all;
        }

        static (int[], BlockFormat, byte[]) Of(params int[] shape) =>
            (shape, BlockFormat.F32, new byte[4 * shape.Aggregate(1, (a, b) => a * b)]);
    }

    private static Dictionary<string, object> Metadata(int feedForward, int width = 8, int heads = 2, int keyHeads = 2, int layers = 2)
    {
        string[] tokens = [.. Enumerable.Range(0, _bytes.Value.VocabularySize).Select(id => _bytes.Value.TokenOf(id)!)];
        using System.Text.Json.JsonDocument json = System.Text.Json.JsonDocument.Parse(_bytes.Value.Json);
        string[] merges = [.. json.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray()
            .Select(m => $"{m[0].GetString()} {m[1].GetString()}")];
        return new Dictionary<string, object>
        {
            ["general.architecture"] = "llama",
            ["llama.context_length"] = 12,
            ["llama.embedding_length"] = width,
            ["llama.block_count"] = layers,
            ["llama.feed_forward_length"] = feedForward,
            ["llama.attention.head_count"] = heads,
            ["llama.attention.head_count_kv"] = keyHeads,
            ["llama.attention.layer_norm_rms_epsilon"] = 1e-5f,
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = "gpt-2",
            ["tokenizer.ggml.tokens"] = tokens,
            ["tokenizer.ggml.merges"] = merges,
            ["tokenizer.ggml.eos_token_id"] = 0,
        };
    }

    private static byte[] Write(Dictionary<string, (int[] Shape, BlockFormat Format, byte[] Bytes)> tensors) =>
        Write(Metadata(64, 256, 4, 2, 1), tensors);

    // By the published description, and not by the library's writer.
    private static byte[] Write(
        Dictionary<string, object> values, Dictionary<string, (int[] Shape, BlockFormat Format, byte[] Bytes)> tensors)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)tensors.Count);
        writer.Write((long)values.Count);
        foreach ((string name, object value) in values)
        {
            Text(name);
            switch (value)
            {
                case int number:
                    writer.Write(4);
                    writer.Write(number);
                    break;
                case float number:
                    writer.Write(6);
                    writer.Write(number);
                    break;
                case string text:
                    writer.Write(8);
                    Text(text);
                    break;
                case string[] texts:
                    writer.Write(9);
                    writer.Write(8);
                    writer.Write((long)texts.Length);
                    foreach (string text in texts)
                        Text(text);
                    break;
            }
        }

        long offset = 0;
        foreach ((string name, (int[] shape, BlockFormat format, byte[] bytes)) in tensors)
        {
            Text(name);
            writer.Write(shape.Length);
            foreach (int size in shape.Reverse())
                writer.Write((long)size);
            writer.Write(format.Name switch
            {
                "F32" => 0,
                "F16" => 1,
                "Q4_0" => 2,
                "Q4_1" => 3,
                "Q5_0" => 6,
                "Q5_1" => 7,
                "Q8_0" => 8,
                "Q4_K" => 12,
                "Q5_K" => 13,
                "Q6_K" => 14,
                _ => 30,
            });
            writer.Write(offset);
            offset += (bytes.Length + 31) / 32 * 32;
        }

        Pad();
        foreach ((_, _, byte[] bytes) in tensors.Values)
        {
            writer.Write(bytes);
            Pad();
        }

        return stream.ToArray();

        void Text(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            writer.Write((long)bytes.Length);
            writer.Write(bytes);
        }

        void Pad() => writer.Write(new byte[(32 - stream.Position % 32) % 32]);
    }
}

using System.Buffers.Binary;
using System.Text;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class Llama2CFileTests
{
    private static readonly int[] _header = [8, 12, 2, 4, 2, 5, 6];

    // Before the tokenizer is looked for, which is not beside it.
    [Theory]
    [InlineData("model.zip", "PK\u0003\u0004 and more", "mlContext.Model.Load")]
    [InlineData("model.safetensors", "{}", "pass the folder")]
    [InlineData("config.json", "{}", "pass the folder")]
    [InlineData("notes.txt", "one, two, three, four, five, six", "not a model in llama2.c's format")]
    [InlineData("empty.bin", "", "is empty")]
    public void A_file_of_another_kind_is_named_with_what_to_do(string name, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File(name);
        File.WriteAllText(path, content);
        string message = Assert.Throws<InvalidDataException>(
            () => new MLContext().Generative().LoadPretrainedLanguageModel(path)).Message;
        Assert.StartsWith($"'{path}' is ", message);
        Assert.Contains(expected, message);
    }

    [DataFileFact("stories260K/stories260K.bin", "stories260K/tok512.bin")]
    public void The_stories_model_tells_the_story_that_llama2c_tells()
    {
        Llama2CFile file = Llama2CFile.Open(DataFile.Find("stories260K/stories260K.bin")!);
        using var network = new LanguageModelNetwork(file.Architecture);
        file.ReadInto(network);
        Assert.Equal(260_032, network.parameters().Sum(p => p.numel()));

        string[] pieces = ReadPieces(DataFile.Find("stories260K/tok512.bin")!);
        using var session = new KernelDecodingSession(network, 1, 512);
        float[] logits = new float[512];
        var text = new StringBuilder();
        int token = 1;
        for (int i = 0; i < 200; i++)
        {
            session.Append([0], [token], logits);
            token = logits.IndexOf(logits.Max());
            text.Append(pieces[token]);
        }

        // What llama2.c's own test expects of the same 200 steps.
        const string Story =
            "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red "
            + "ball. She wanted to play with it, but it was too high.\n"
            + "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She said, \"I want to play with "
            + "your ball, but I can't find it.\"\n"
            + "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\n"
            + "Lily didn't want to help her mom, so she";
        Assert.Equal(Story, text.Replace("<0x0A>", "\n").ToString().TrimStart());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Each_weight_of_a_file_has_its_place_in_the_network(bool isTied)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.bin");
        // Floats are numbered from 0, so that a value says where in the file it was.
        Write(path, isTied ? _header : [.. _header[..5], -5, 6], Floats(isTied));
        Llama2CFile file = Llama2CFile.Open(path);
        Assert.Equal(isTied, file.Architecture.TieEmbeddings);
        Assert.Equal(
            (PositionEncoding.RotaryInterleaved, 1e-5, 6),
            (file.Architecture.Positions, file.Architecture.NormEpsilon, file.Architecture.ContextLength));
        using var network = new LanguageModelNetwork(file.Architecture);
        file.ReadInto(network);

        // Two layers, dim 8, hidden 12, two heads of keys of size 2.
        int next = 0;
        Expect("tokens.weight", 5 * 8);
        ExpectLayers("attentionNorm.weight", 8);
        ExpectLayers("queriesKeysValues.weight", 8 * 8, 0);
        ExpectLayers("queriesKeysValues.weight", 4 * 8, 8 * 8);
        ExpectLayers("queriesKeysValues.weight", 4 * 8, 12 * 8);
        ExpectLayers("attentionOut.weight", 8 * 8);
        ExpectLayers("feedForwardNorm.weight", 8);
        ExpectLayers("feedForwardIn.weight", 12 * 8, 0);
        ExpectLayers("feedForwardOut.weight", 8 * 12);
        ExpectLayers("feedForwardIn.weight", 12 * 8, 12 * 8);
        Expect("norm.weight", 8);
        next += 6 * 2;
        if (!isTied)
            Expect("head.weight", 5 * 8);
        Assert.Equal(Floats(isTied), next);

        void Expect(string name, int count, int from = 0)
        {
            float[] values = ModuleWeights.Of(network).Single(p => p.Name == name).Tensor.data<float>().ToArray();
            Assert.Equal(Enumerable.Range(next, count).Select(i => (float)i), values.Skip(from).Take(count));
            next += count;
        }

        void ExpectLayers(string name, int count, int from = 0)
        {
            for (int layer = 0; layer < 2; layer++)
                Expect($"blocks.{layer}.{name}", count, from);
        }
    }

    [Theory]
    [InlineData(0, 0, "'dim' is 0")]
    [InlineData(1, -3, "'hidden_dim' is -3")]
    [InlineData(2, int.MaxValue, "'n_layers' is 2147483647")]
    [InlineData(3, 3, "not a multiple of 'n_heads', 3")]
    [InlineData(3, 8, "even number")]
    [InlineData(4, 3, "KeyValueHeads")]
    [InlineData(5, 0, "'vocab_size' is 0")]
    [InlineData(5, int.MinValue, "'vocab_size' is -2147483648")]
    [InlineData(6, 1 << 20, "seq_len 1048576 has")]
    [InlineData(5, -5, "vocab_size −5, seq_len 6 has")]
    public void A_header_that_does_not_fit_is_refused_with_the_file_and_the_reason(int index, int value, string reason)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.bin");
        int[] header = [.. _header];
        header[index] = value;
        Write(path, header, Floats(true));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Llama2CFile.Open(path));
        Assert.Contains(path, error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void A_file_of_another_length_is_refused(int difference)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.bin");
        Write(path, _header, Floats(true));
        using (FileStream stream = File.OpenWrite(path))
            stream.SetLength(stream.Length + difference);
        Assert.Contains(
            $"has {28 + 4 * Floats(true) + difference} bytes", Assert.Throws<InvalidDataException>(() => Llama2CFile.Open(path)).Message);

        File.WriteAllBytes(path, new byte[20]);
        Assert.Contains("header alone has 28", Assert.Throws<InvalidDataException>(() => Llama2CFile.Open(path)).Message);
    }

    [Fact]
    public void Another_network_than_the_files_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.bin");
        Write(path, _header, Floats(true));
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Assert.Contains(path, Assert.Throws<ArgumentException>(() => Llama2CFile.Open(path).ReadInto(network)).Message);
    }

    [Fact]
    public void A_network_with_an_adapter_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.bin");
        Write(path, _header, Floats(true));
        Llama2CFile file = Llama2CFile.Open(path);
        using var network = new LanguageModelNetwork(file.Architecture);
        network.Blocks[1].AttentionOut.Attach(new TestAdapter(8, 8));
        Assert.Contains(
            "'blocks.1.attentionOut' has an adapter", Assert.Throws<NotSupportedException>(() => file.ReadInto(network)).Message);
    }

    private static int Floats(bool isTied) => 5 * 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 96 + 96 + 96) + 8 + 12 + (isTied ? 0 : 5 * 8);

    private static void Write(string path, int[] header, int floats)
    {
        using var writer = new BinaryWriter(File.Create(path));
        foreach (int value in header)
            writer.Write(value);
        for (int i = 0; i < floats; i++)
            writer.Write((float)i);
    }

    // llama2.c's tokenizer: the longest piece's length, then each piece's score, length and bytes.
    private static string[] ReadPieces(string path)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path).AsSpan(4);
        var pieces = new List<string>();
        while (!bytes.IsEmpty)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
            pieces.Add(Encoding.UTF8.GetString(bytes.Slice(8, length)));
            bytes = bytes[(8 + length)..];
        }

        return [.. pieces];
    }
}

using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained.Gguf;

/// <summary>Language models as GGUF files, which llama.cpp reads and writes.</summary>
internal static class GgufModel
{
    // llama_ftype, for programs that show it.
    private static readonly Dictionary<GgufType, (BlockFormat Format, BlockFormat TableFormat, int Number)> _types = new()
    {
        [GgufType.Float32] = (BlockFormat.F32, BlockFormat.F32, 0),
        [GgufType.Float16] = (BlockFormat.F16, BlockFormat.F16, 1),
        [GgufType.Q8_0] = (BlockFormat.Q8_0, BlockFormat.Q8_0, 7),
        [GgufType.Q4_0] = (BlockFormat.Q4_0, BlockFormat.Q8_0, 2),
        [GgufType.BFloat16] = (BlockFormat.BF16, BlockFormat.BF16, 32),
    };

    /// <summary>The formats of a network that stores all large weights as a file does.</summary>
    /// <param name="file">How the file stores them, one or more for each.</param>
    public static WeightFormats FormatsOf(BlockFormat[][] file)
    {
        WeightFormat[] uniform = [WeightFormat.Float32, WeightFormat.BFloat16, WeightFormat.Q8_0, WeightFormat.Q4_0];
        foreach (WeightFormat format in uniform)
        {
            if (file.Zip(WeightFormats.Uniform(format, file.Length)).All(weight => weight.First.All(own => own == weight.Second)))
                return format;
        }

        return new WeightFormats(WeightFormat.Mixed, [.. file.Select(all => all.Distinct().Count() == 1 ? [all[0]] : all)]);
    }

    /// <inheritdoc cref="LanguageModelTransformer.SaveGguf"/>
    public static void Save(string path, LanguageModelNetwork network, TextCodec codec, GgufType? type)
    {
        if (codec.Tokenizer is not GenerativeTokenizer tokenizer)
        {
            TokenizerFiles.Save(codec.Tokenizer); // Says that it cannot be saved.
            return;
        }

        GgufType actual = type ?? network.Format switch
        {
            WeightFormat.Q8_0 => GgufType.Q8_0,
            WeightFormat.Q4_0 => GgufType.Q4_0,
            WeightFormat.BFloat16 => GgufType.BFloat16,
            _ => GgufType.Float32,
        };
        (BlockFormat format, BlockFormat tableFormat, int number) = _types[actual];
        var writer = new GgufWriter();
        string name = GgufArchitecture.Write(writer, network.Architecture);
        writer.Add("general.name", name);
        writer.Add("general.file_type", number);
        writer.Add("general.quantization_version", 2);
        GgufTokenizer.Write(writer, tokenizer, network.Architecture.VocabularySize, codec.OtherEnds);
        new GgufWeights(name, network.Architecture).Save(writer, network, format, tableFormat);
        AtomicFile.Write(path, writer.Write);
    }
}

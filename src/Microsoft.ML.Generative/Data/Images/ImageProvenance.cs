using System.Globalization;
using System.Reflection;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Images;

namespace Microsoft.ML.Generative;

/// <summary>
/// Where a generated image comes from, as its file says: that it was made by a trained model, in the terms of IPTC's photo metadata, which
/// editors, search engines and social networks read; by which model, library and seed.
/// </summary>
/// <remarks>
/// It is written to PNG files as XMP, with the properties <c>Iptc4xmpExt:DigitalSourceType</c>, <c>AISystemUsed</c>,
/// <c>AISystemVersionUsed</c> and <c>AIPromptInformation</c>, and as the texts <c>Software</c>, <c>Model</c>, <c>Seed</c> and
/// <c>Prompt</c>. Metadata informs the honest: whoever saves the image again may lose or remove it.
/// </remarks>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Generative().LoadPretrainedDiffusion("models/ddpm-cifar10-32");
/// var provenance = new ImageProvenance { Model = "ddpm-cifar10-32", Seed = 1 };
/// string first = model.Generate(16, new() { Seed = 1 }).SaveImages("images", provenance: provenance)[0];
/// Console.WriteLine(ImageProvenance.Read(first)?.DigitalSourceType);
/// </code>
/// </example>
public sealed class ImageProvenance
{
    /// <summary>IPTC's term for images that a model made that was trained on others.</summary>
    public const string TrainedAlgorithmicMedia = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

    private const string SoftwareKey = "Software";
    private const string ModelKey = "Model";
    private const string SeedKey = "Seed";
    private const string PromptKey = "Prompt";
    private const string XmpKey = "XML:com.adobe.xmp";

    private static readonly XNamespace _iptc = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
    private static readonly XNamespace _rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    private static readonly XNamespace _meta = "adobe:ns:meta/";
    private static readonly XNamespace _xmp = "http://ns.adobe.com/xap/1.0/";

    /// <summary>What kind of source the image has. Default: <see cref="TrainedAlgorithmicMedia"/>.</summary>
    public string DigitalSourceType { get; init; } = TrainedAlgorithmicMedia;

    /// <summary>The program that wrote the file. Default: this library and its version.</summary>
    public string Software { get; init; } = $"Microsoft.ML.Generative {Version}";

    /// <summary>The model's name, or <see langword="null"/>.</summary>
    public string? Model { get; init; }

    /// <summary>The seed with which the image, or the first of several, was generated, or <see langword="null"/>.</summary>
    public long? Seed { get; init; }

    /// <summary>What was asked for: a class, a text; or <see langword="null"/>.</summary>
    public string? Prompt { get; init; }

    private static string Version =>
        typeof(ImageProvenance).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Reads what a PNG file says of its source.</summary>
    /// <param name="path">The file.</param>
    /// <returns>
    /// What <see cref="ImageDataViewExtensions.SaveImages"/> was given; <see langword="null"/> where the file says nothing.
    /// </returns>
    /// <exception cref="InvalidDataException">The file is no PNG file, or damaged.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ImageProvenance? Read(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        IReadOnlyDictionary<string, string> texts = PngTexts.Read(File.ReadAllBytes(path), path);
        if (!texts.TryGetValue(XmpKey, out string? xmp))
            return null;
        XAttribute? source;
        try
        {
            using var reader = XmlReader.Create(new StringReader(xmp), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            source = XDocument.Load(reader).Descendants(_rdf + "Description").Attributes(_iptc + "DigitalSourceType").FirstOrDefault();
        }
        catch (XmlException e)
        {
            throw new InvalidDataException($"'{path}': the XMP metadata is damaged: {Quoted.Message(e)}", e);
        }

        return source is null ? null : new ImageProvenance
        {
            DigitalSourceType = source.Value,
            Software = texts.GetValueOrDefault(SoftwareKey, ""),
            Model = texts.GetValueOrDefault(ModelKey),
            Seed = long.TryParse(texts.GetValueOrDefault(SeedKey), CultureInfo.InvariantCulture, out long seed) ? seed : null,
            Prompt = texts.GetValueOrDefault(PromptKey),
        };
    }

    /// <summary>Adds this to a PNG file's bytes.</summary>
    internal byte[] AddTo(byte[] png) => PngTexts.Add(png, Texts());

    private IEnumerable<(string Key, string Text)> Texts()
    {
        yield return (SoftwareKey, Software);
        if (Model is not null)
            yield return (ModelKey, Model);
        if (Seed is { } seed)
            yield return (SeedKey, seed.ToString(CultureInfo.InvariantCulture));
        if (Prompt is not null)
            yield return (PromptKey, Prompt);
        yield return (XmpKey, Xmp());
    }

    private string Xmp() => new XElement(
        _meta + "xmpmeta",
        new XAttribute(XNamespace.Xmlns + "x", _meta.NamespaceName),
        new XElement(
            _rdf + "RDF",
            new XAttribute(XNamespace.Xmlns + "rdf", _rdf.NamespaceName),
            new XElement(
                _rdf + "Description",
                new XAttribute(_rdf + "about", ""),
                new XAttribute(XNamespace.Xmlns + "Iptc4xmpExt", _iptc.NamespaceName),
                new XAttribute(XNamespace.Xmlns + "xmp", _xmp.NamespaceName),
                Attribute("DigitalSourceType", DigitalSourceType),
                Attribute("AISystemUsed", Model),
                Attribute("AISystemVersionUsed", Software),
                Attribute("AIPromptInformation", Prompt),
                new XAttribute(_xmp + "CreatorTool", Software)))).ToString(SaveOptions.DisableFormatting);

    // XML has no control characters.
    private static XAttribute? Attribute(string name, string? value) => value is null ? null : new XAttribute(
        _iptc + name, string.Concat(value.EnumerateRunes().Where(rune => !Rune.IsControl(rune) && (rune.Value & 0xFFFE) != 0xFFFE)));
}

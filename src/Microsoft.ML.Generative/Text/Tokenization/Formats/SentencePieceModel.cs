using Google.Protobuf;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Normalizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>The kinds of pieces of SentencePiece.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>
/// The parts of a SentencePiece model's file that bear on encoding. Its format is sentencepiece_model.proto of
/// https://github.com/google/sentencepiece; fields without a meaning here are skipped.
/// </summary>
internal sealed class SentencePieceModel
{
    public const int Unigram = 1;
    public const int BytePairs = 2;

    public List<(string Piece, float Score, PieceKind Kind)> Pieces { get; } = [];

    public int ModelType { get; private set; } = Unigram;

    public bool ByteFallback { get; private set; }

    public bool WhitespaceAsSuffix { get; private set; }

    public int UnknownId { get; private set; }

    public int BeginId { get; private set; } = 1;

    public int EndId { get; private set; } = 2;

    public int PaddingId { get; private set; } = -1;

    /// <summary>For <see cref="PrecompiledNormalizer"/>; may be empty.</summary>
    public byte[] Replacements { get; private set; } = [];

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespace { get; private set; } = true;

    public bool EscapeWhitespace { get; private set; } = true;

    /// <exception cref="InvalidDataException">The file is not valid.</exception>
    public static SentencePieceModel Read(string name, byte[] file)
    {
        var model = new SentencePieceModel();
        try
        {
            ReadFields(new CodedInputStream(file), (field, input) =>
            {
                switch (field)
                {
                    case 1:
                        model.ReadPiece(Message(input));
                        break;
                    case 2:
                        ReadFields(Message(input), model.ReadTrainerField);
                        break;
                    case 3:
                        ReadFields(Message(input), model.ReadNormalizerField);
                        break;
                    default:
                        return false;
                }

                return true;
            });
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"'{name}' is not a model of SentencePiece: {Quoted.Message(e)}", e);
        }

        return model.Pieces.Count > 0
            ? model
            : throw new InvalidDataException($"'{name}' is not a model of SentencePiece: it has no pieces.");
    }

    /// <summary>Calls for each field; where that does not read it, it is skipped.</summary>
    private static void ReadFields(CodedInputStream input, Func<int, CodedInputStream, bool> read)
    {
        while (input.ReadTag() is > 0 and var tag)
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), input))
                input.SkipLastField();
        }
    }

    private static CodedInputStream Message(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private void ReadPiece(CodedInputStream message)
    {
        string piece = "";
        float score = 0;
        var kind = PieceKind.Normal;
        ReadFields(message, (field, input) =>
        {
            switch (field)
            {
                case 1:
                    piece = input.ReadString();
                    break;
                case 2:
                    score = input.ReadFloat();
                    break;
                case 3:
                    kind = (PieceKind)input.ReadEnum();
                    break;
                default:
                    return false;
            }

            return true;
        });
        if (Pieces.Count == TokenVocabulary.MaxIds)
            throw new InvalidDataException($"The model has more than {TokenVocabulary.MaxIds} pieces.");
        Pieces.Add((piece, score, kind));
    }

    private bool ReadTrainerField(int field, CodedInputStream input)
    {
        switch (field)
        {
            case 3:
                ModelType = input.ReadEnum();
                break;
            case 24:
                WhitespaceAsSuffix = input.ReadBool();
                break;
            case 35:
                ByteFallback = input.ReadBool();
                break;
            case 40:
                UnknownId = input.ReadInt32();
                break;
            case 41:
                BeginId = input.ReadInt32();
                break;
            case 42:
                EndId = input.ReadInt32();
                break;
            case 43:
                PaddingId = input.ReadInt32();
                break;
            default:
                return false;
        }

        return true;
    }

    private bool ReadNormalizerField(int field, CodedInputStream input)
    {
        switch (field)
        {
            case 2:
                Replacements = input.ReadBytes().ToByteArray();
                break;
            case 3:
                AddDummyPrefix = input.ReadBool();
                break;
            case 4:
                RemoveExtraWhitespace = input.ReadBool();
                break;
            case 5:
                EscapeWhitespace = input.ReadBool();
                break;
            default:
                return false;
        }

        return true;
    }
}

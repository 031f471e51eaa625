namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Different texts by their beginnings. Place 0 is the empty beginning.</summary>
internal sealed class TextTrie
{
    public const int None = -1;

    private readonly List<Place> _places = [new(0)];

    /// <exception cref="ArgumentException">A text is there twice.</exception>
    public TextTrie(IReadOnlyList<byte[]> texts)
    {
        Texts = texts;
        for (int i = 0; i < texts.Count; i++)
        {
            Place place = _places[0];
            place.Below.Add(i);
            foreach (byte value in texts[i])
            {
                if (!place.Children.TryGetValue(value, out int child))
                {
                    child = _places.Count;
                    _places.Add(new Place(place.Depth + 1));
                    place.Children.Add(value, child);
                }

                place = _places[child];
                place.Below.Add(i);
            }

            if (place.Text != None)
                throw new ArgumentException($"'{System.Text.Encoding.UTF8.GetString(texts[i])}' is there twice.", nameof(texts));
            place.Text = i;
        }
    }

    public IReadOnlyList<byte[]> Texts { get; }

    /// <summary>The place after one more byte, or <see cref="None"/>.</summary>
    public int Next(int place, byte value) => _places[place].Children.TryGetValue(value, out int child) ? child : None;

    /// <summary>The text that ends at a place, or <see cref="None"/>.</summary>
    public int TextAt(int place) => _places[place].Text;

    /// <summary>The texts that begin as a place does.</summary>
    public IReadOnlyList<int> Below(int place) => _places[place].Below;

    /// <summary>Bytes before a place.</summary>
    public int Depth(int place) => _places[place].Depth;

    public bool IsLeaf(int place) => _places[place].Children.Count == 0;

    private sealed class Place(int depth)
    {
        public int Depth => depth;

        public Dictionary<byte, int> Children { get; } = [];

        public List<int> Below { get; } = [];

        public int Text { get; set; } = None;
    }
}

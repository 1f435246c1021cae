"""Copies of a data set's files: where they may lie, which is read, when one is downloaded."""

import hashlib
import os
from dataclasses import dataclass

from skfashion.datasets._archives import KMNIST_FILES, Archive, read_archive
from skfashion.datasets._download import download, download_archive
from skfashion.datasets._files import decode, identify
from skfashion.datasets._folders import check_place_to_download, own_folders
from skfashion.utils._sklearn import StrOptions

# What all loaders of this kind are given.
OPTIONS = {
    "subset": [StrOptions({"train", "test", "all"})],
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "as_frame": ["boolean"],
}


@dataclass(frozen=True)
class Copies:
    """The places of one data set's files.

    Attributes
    ----------
    name : str
        Of the data set's own subfolder, in each folder that is searched.
    data_home : str, path-like or None
        A folder to look in first.
    download_if_missing : bool
        Whether a file that is found nowhere is downloaded.
    """

    name: str
    data_home: str | os.PathLike | None
    download_if_missing: bool

    def read(self, file, parse=None):
        """Return the content of one file, from the first copy or a download.

        Parameters
        ----------
        file : IdxFile or Archive
            The file.
        parse : callable, default=None
            What makes the content of an archive: ``parse(stream)``.

        Returns
        -------
        content : ndarray, or what `parse` returns

        Raises
        ------
        ValueError
            If the first copy is anything but the file.
        OSError
            If there is none and none is to be downloaded, or every mirror fails.
        """
        folders = own_folders(self.data_home)
        for path, is_shared in self._places(file, folders):
            try:
                return _read(path, file, parse)
            except ValueError as error:
                # Three data sets have the same file names, and may lie in one folder side by side.
                if is_shared and _owner(path) not in ("", file.data_set):
                    continue
                raise ValueError(
                    f"{error} Delete it and call again to download it, or replace it with the "
                    "right file."
                ) from error
        if not self.download_if_missing:
            raise OSError(self._missing_message(file, folders))
        check_place_to_download([file.name], folders)
        folder = folders[0] / self.name
        if isinstance(file, Archive):
            return _read(download_archive(file, folder), file, parse)
        return download(file, folder)

    def _places(self, file, folders):
        """Yield copies that there are, and whether files of other data sets may lie there, too."""
        # An archive is known as it is; others are known, and read ten times faster, decompressed.
        names = [file.name] if isinstance(file, Archive) else [file.name, f"{file.name}.gz"]
        for folder in folders:
            for place in (folder / self.name, folder / file.source / "raw", folder):
                for path in (place / name for name in names):
                    if path.is_file():
                        yield path, place == folder

    def _missing_message(self, file, folders):
        form = "as published" if isinstance(file, Archive) else "decompressed or .gz"
        return (
            f"Data not found and `download_if_missing` is False. Missing: {file.name} of "
            f"{file.data_set} ({form}). Looked in: {', '.join(map(str, folders))}, and in "
            f"{self.name} and {file.source}/raw in each. Call with download_if_missing=True, or "
            "name the folder that has the file as data_home or in the environment variable "
            "SKFASHION_DATA."
        )


def _read(path, file, parse):
    if isinstance(file, Archive):
        return read_archive(path, file, parse)
    return decode(path.read_bytes(), file, str(path))


def _owner(path):
    """Return the name of the data set that a file belongs to, "" if it is none that is known."""
    blob = path.read_bytes()
    digest = hashlib.sha256(blob).hexdigest()
    known = {file.sha256: file.data_set for file in KMNIST_FILES.values()}
    return known.get(digest, "") or identify(blob)
